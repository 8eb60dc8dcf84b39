import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elimctl.commands import conclude as room
from elimctl.commands.conclude import evaluate
from elimctl.commands.execution import Scoring
from elimctl.errors import DataError
from elimctl.loader.dataset import labels
from elimctl.metrics.detail import Resampling, detail
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions
from elimctl.predict.table import read

COUNT = 50


@pytest.fixture
def table():
    """A manifest with more columns than evaluation reads, in types that it may come in."""
    rng = np.random.default_rng(0)
    clips = [f"{row // 10:03d}" for row in range(COUNT)]
    return pa.table(
        {
            "path": [f"{row // 10:03d}/{row:05d}.png" for row in range(COUNT)],
            "identity": pa.array(clips).dictionary_encode(),
            "clip": clips,
            "frame": pa.array(np.arange(COUNT), pa.int32()),
            "valence": pa.array(rng.uniform(-1, 1, COUNT), pa.float32()),
            "arousal": pa.array(rng.uniform(-1, 1, COUNT), pa.float32()),
            "status": ["kept"] * COUNT,
        }
    )


@pytest.fixture
def batches(table):
    indices = np.arange(5, COUNT)
    target = labels(table, indices)
    preds = (0.5 * target + 0.1).astype(np.float32)
    return [
        Predictions(indices[start : start + 8], preds[start : start + 8], target[start : start + 8])
        for start in range(0, len(indices), 8)
    ]


def evaluated(batches, table, path, *, protocol=None, options=None, public_code=False, **knobs):
    """Evaluate with few resamples."""
    return evaluate(
        batches,
        table,
        split="val",
        path=path,
        scoring=Scoring(options or MetricOptions(), Resampling(resamples=100), public_code),
        protocol=protocol or {"run": "one"},
        **knobs,
    )


def test_every_sample_is_written_with_its_own_labels_and_prediction(table, batches, tmp_path):
    evaluated(batches, table, tmp_path / "eval" / "val")
    written = pq.read_table(tmp_path / "eval" / "val.parquet")
    assert written.column_names == [
        *("row", "path", "identity", "clip", "frame"),
        *("valence", "arousal", "valence_pred", "arousal_pred"),
    ]
    assert written["row"].to_pylist() == list(range(5, COUNT))
    for name in ("path", "identity", "clip", "frame", "valence", "arousal"):
        assert written[name].to_pylist() == table[name].slice(5).to_pylist()
    assert written["valence_pred"].to_pylist() == np.concatenate([b.preds for b in batches])[:, 0].tolist()
    assert written["arousal_pred"].to_pylist() == np.concatenate([b.preds for b in batches])[:, 1].tolist()


def test_the_scores_can_be_computed_again_from_the_written_rows(table, batches, tmp_path):
    scores = evaluated(batches, table, tmp_path / "val").scores
    written = pq.read_table(tmp_path / "val.parquet")
    for axis in ("valence", "arousal"):
        label, pred = (written[name].to_numpy().astype(np.float64) for name in (axis, f"{axis}_pred"))
        found = getattr(scores, axis)
        # float64 sums of 45 terms in another order
        assert found["rmse"] == pytest.approx(math.sqrt(np.mean((pred - label) ** 2)), rel=1e-12)
        assert found["pcc"] == pytest.approx(np.corrcoef(pred, label)[0, 1], rel=1e-12)
    assert scores.count == written.num_rows == COUNT - 5


def test_the_json_holds_the_scores_that_are_returned(table, batches, tmp_path):
    found = evaluated(batches, table, tmp_path / "val", public_code=True)
    stored = json.loads((tmp_path / "val.json").read_text())
    assert stored == found.values
    assert list(stored)[:5] == ["split", "count", "valence", "arousal", "mean"]
    assert stored["count"] == COUNT - 5
    assert stored["valence"]["ccc"] == found.scores.valence["ccc"]
    # five identities of one clip each: those of rows 0 to 4 were left out, so the first has five samples
    assert (stored["identities"], stored["clips"]) == (5, 5)
    assert stored["reference"]["batch_size"] == 512


def test_details_are_of_the_file_that_was_written(table, batches, tmp_path):
    found = evaluated(batches, table, tmp_path / "val")
    again = detail(read(tmp_path / "val.parquet"), MetricOptions(), Resampling(resamples=100))
    assert found.detail == again


def test_classes_are_written_with_their_names_and_scored(table, tmp_path):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(COUNT, 3)).astype(np.float32)
    batch = Predictions(np.arange(COUNT), logits, rng.integers(0, 3, (COUNT, 1)).astype(np.float64))
    names = ("neutral", "happiness", "sadness")
    found = evaluated([batch], table, tmp_path / "val", classes=names)
    written = read(tmp_path / "val.parquet")
    assert written.classes == names
    assert written.preds.tolist() == logits.argmax(axis=1).tolist()
    assert written.target.tolist() == batch.target[:, 0].tolist()
    assert json.loads((tmp_path / "val.json").read_text())["intervals"]["accuracy"] is not None
    assert found.scores.accuracy == (written.preds == written.target).mean()


def test_rows_are_gathered_into_groups_and_the_last_ones_are_not_lost(table, batches, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "GROUP_ROWS", 20)
    evaluated(batches, table, tmp_path / "val")
    described = pq.ParquetFile(tmp_path / "val.parquet").metadata
    # batches of 8: three make 24 rows, then three make 21
    assert [described.row_group(group).num_rows for group in range(described.num_row_groups)] == [24, 21]


def test_an_error_half_way_leaves_the_earlier_evaluation_as_it_was(table, batches, tmp_path):
    evaluated(batches, table, tmp_path / "val")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def broken():
        yield batches[0]
        raise DataError("1 of 8 predictions of a batch are not finite")

    with pytest.raises(DataError, match="not finite"):
        evaluated(broken(), table, tmp_path / "val")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_empty_split_leaves_no_file(table, tmp_path):
    with pytest.raises(DataError, match="no sample"):
        evaluated([], table, tmp_path / "val")
    assert list(tmp_path.iterdir()) == []


def test_what_was_scored_how_is_kept_with_the_predictions(table, batches, tmp_path):
    options = MetricOptions(sagr_zero="never")
    evaluated(batches, table, tmp_path / "val-fold1", options=options, protocol={"fold": 1})
    found = json.loads(pq.read_schema(tmp_path / "val-fold1.parquet").metadata[b"protocol"])
    assert found["fold"] == 1
    assert found["metrics"]["sagr_zero"] == "never"
