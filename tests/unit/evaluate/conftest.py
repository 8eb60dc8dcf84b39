"""Saved predictions, as a run has them."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elimctl.evaluate.table import CLASS_SCHEMA, SCHEMA

CLASSES = ("neutral", "happiness", "sadness")


def _written(file, schema, identities, frames, columns, protocol):
    """A file of samples of identities, two clips each of `frames` frames.

    Of the protocol, `keep` are the rows that are written, all if not told otherwise, and `unknown` the
    numbers of identities that are called `none`.
    """
    keep, unknown = protocol.pop("keep", None), protocol.pop("unknown", ())
    count = identities * 2 * frames
    person = np.repeat(np.arange(identities), 2 * frames)
    clip = np.tile(np.repeat([1, 2], frames), identities)
    frame = np.tile(np.arange(frames), 2 * identities)
    facts = {"run": file.stem, "step": 10, "dataset": "faces", "manifest": "0" * 64}
    facts |= {"fold": 0, "split": "val"}
    table = pa.table(
        {
            "row": np.arange(count) + 100,
            "path": [f"{number:05d}.png" for number in range(count)],
            "identity": ["none" if who in unknown else f"Actor {who:02d}" for who in person],
            "clip": [f"clip {which}" for which in clip],
            "frame": frame,
            **columns,
        }
    ).cast(schema)
    if keep is not None:
        table = table.take(keep)
    pq.write_table(table.replace_schema_metadata({"protocol": json.dumps(facts | protocol)}), file)
    return file


@pytest.fixture
def save(tmp_path):
    """A function that writes predictions of valence and arousal."""

    def write(name="one", *, identities=12, frames=5, seed=0, noise=0.2, preds=None, **protocol):
        rng = np.random.default_rng(7)
        person = np.repeat(np.arange(identities), 2 * frames)
        target = rng.uniform(-1, 1, (len(person), 2)).round(1)
        own = np.random.default_rng(seed)
        if preds is None:
            offset = own.normal(0, noise, (identities, 2))[person]
            preds = 0.7 * target + offset + own.normal(0, noise, target.shape)
        columns = dict(zip(SCHEMA.names[5:], [*target.T, *np.asarray(preds, np.float32).T], strict=True))
        return _written(tmp_path / f"{name}.parquet", SCHEMA, identities, frames, columns, protocol)

    return write


@pytest.fixture
def save_classes(tmp_path):
    """A function that writes predictions of classes."""

    def write(name="one", *, identities=12, frames=5, seed=0, right=0.6, **protocol):
        rng, own = np.random.default_rng(7), np.random.default_rng(seed)
        count = identities * 2 * frames
        true = rng.integers(0, 3, count)
        found = np.where(own.random(count) < right, true, own.integers(0, 3, count))
        columns = {
            "expression": np.array(CLASSES)[true],
            "expression_pred": np.array(CLASSES)[found],
            "probability": np.full(count, 0.5, np.float32),
        }
        file = tmp_path / f"{name}.parquet"
        return _written(file, CLASS_SCHEMA, identities, frames, columns, {"classes": CLASSES, **protocol})

    return write
