import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elimctl.commands.conclude import evaluate
from elimctl.commands.execution import Scoring
from elimctl.commands.pool import evaluate_table, pool
from elimctl.metrics.detail import Resampling
from elimctl.metrics.moments import empty, update
from elimctl.metrics.predictions import Predictions
from elimctl.metrics.score import MetricOptions, values_of
from elimctl.predict.table import SCHEMA, read


def ccc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["ccc"]


QUICK = Resampling(resamples=100)
FACTS = {"run": "cv", "dataset": "faces", "manifest": "0" * 64, "split": "folds", "fold": None}


def test_the_pooled_file_says_which_run_predicted_which_rows(save, tmp_path):
    files = [save(f"cv-f{fold}", identities=3 + fold, fold=fold, seed=fold) for fold in (0, 1)]
    table = pool(files, tmp_path / "out" / "pooled.parquet", protocol=FACTS)
    assert table.protocol["pooled"] == [
        {"run": "cv-f0", "fold": 0, "step": 10, "rows": [0, 30]},
        {"run": "cv-f1", "fold": 1, "step": 10, "rows": [30, 70]},
    ]
    assert table.protocol["run"] == "cv"
    for file, source in zip(files, table.protocol["pooled"], strict=True):
        own = read(file)
        part = slice(*source["rows"])
        np.testing.assert_array_equal(table.preds[part], own.preds)
        np.testing.assert_array_equal(table.identity[part], own.identity)
    assert pq.read_schema(tmp_path / "out" / "pooled.parquet").equals(SCHEMA)


def test_pooled_scores_are_of_all_samples_at_once(save, tmp_path):
    files = [save(name, seed=seed) for seed, name in enumerate("ab")]
    table = pool(files, tmp_path / "pooled.parquet", protocol=FACTS)
    found = evaluate_table(table, MetricOptions(), QUICK, split="folds")
    parts = [read(file) for file in files]
    preds, target = (np.concatenate([getattr(part, name) for part in parts]) for name in ("preds", "target"))
    wanted = ccc(update(empty(), preds, target))
    assert [found.scores.valence["ccc"], found.scores.arousal["ccc"]] == pytest.approx(wanted.tolist())
    assert found.detail.identities == 12  # the same people in both
    low, high = found.detail.intervals["mean"]["ccc"]
    assert low < found.scores.mean["ccc"] < high
    json.dumps(found.values, allow_nan=False)


@pytest.mark.parametrize("form", [{}, {"rmse": "batch_mean", "moments": "reference", "sagr_zero": "never"}])
def test_saved_predictions_score_as_they_did_when_they_were_made(tmp_path, form):
    rng = np.random.default_rng(0)
    target, preds = rng.uniform(-1, 1, (300, 2)).round(1), rng.uniform(-1, 1, (300, 2)).astype(np.float32)
    names = [f"Actor {number:02d}" for number in range(10) for _ in range(30)]
    manifest = pa.table({"path": names, "identity": names, "clip": names, "frame": list(range(30)) * 10})
    parts = [np.arange(start, min(start + 128, 300)) for start in range(0, 300, 128)]
    batches = [Predictions(part, preds[part], target[part]) for part in parts]
    options = MetricOptions(**form)
    made = evaluate(
        batches,
        manifest,
        split="val",
        path=tmp_path / "val",
        scoring=Scoring(options, QUICK),
        protocol=FACTS,
    )
    again = evaluate_table(read(tmp_path / "val.parquet"), options, QUICK, split="val")
    assert again.values == made.values


def test_classes_are_pooled_too(save_classes, tmp_path):
    files = [save_classes(name, seed=seed) for seed, name in enumerate("ab")]
    table = pool(files, tmp_path / "pooled.parquet", protocol=FACTS)
    found = evaluate_table(table, MetricOptions(), QUICK, split="folds")
    parts = [read(file) for file in files]
    right = np.concatenate([part.preds == part.target for part in parts])
    assert found.scores.accuracy == pytest.approx(right.mean())
    assert found.scores.count == len(right)
    assert np.sum(found.scores.confusion) == len(right)
