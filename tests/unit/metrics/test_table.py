import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from elimctl import losses
from elimctl.metrics.moments import in_batches
from elimctl.metrics.score import MetricOptions, score

# A metric of its own: the variance of predictions over that of labels.
NEW = """
import json
import numpy as np
from elimctl.metrics import table
from elimctl.metrics.scales import PLAIN

table.TABLE["spread"] = table.Metric(
    title="spread",
    value=lambda s: table.ratio(s.x, s.y, where=s.y > 0),
    low=0.0,
    high=np.inf,
    better="higher",
    scale=PLAIN,
    undefined=lambda s: s.y == 0,
)
table.METRICS = tuple(table.TABLE)
table.TITLES = table.TITLES | {"spread": "spread"}

from elimctl.metrics.intervals import intervals
from elimctl.metrics.moments import in_batches
from elimctl.metrics.score import MetricOptions, score
from elimctl.metrics.sums import sums

rng = np.random.default_rng(0)
target = rng.uniform(-1, 1, (200, 2))
preds = target / 2
code = np.arange(200) % 20
added = sums(preds + rng.normal(0, 0.1, preds.shape), target, code, groups=20)
ends = intervals(added, resamples=500)
scores = score(in_batches(preds, target, size=64), MetricOptions(), split="val")
print(json.dumps({"scores": scores.cells, "ends": ends[:, -1].tolist()}))

import sys
from pathlib import Path

import pyarrow as pa

from elimctl.cli.evaluate import show_scores
from elimctl.commands.conclude import evaluate
from elimctl.commands.execution import Scoring
from elimctl.metrics.detail import Resampling
from elimctl.metrics.predictions import Predictions

names = [f"Actor {number:02d}" for number in code]
rows = np.arange(200)
found = evaluate(
    [Predictions(rows, (preds + rng.normal(0, 0.1, preds.shape)).astype(np.float32), target)],
    pa.table({"path": names, "identity": names, "clip": names, "frame": rows}),
    split="val",
    path=Path(sys.argv[1]) / "val",
    classes=(),
    scoring=Scoring(MetricOptions(), Resampling(resamples=200), False),
    protocol={},
)
show_scores(found.scores, found.detail, title="run on faces, val")
"""


def test_a_new_metric_is_one_entry(tmp_path):
    command = [sys.executable, "-c", NEW, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    first, shown = said.split("\n", 1)
    found = json.loads(first)
    assert found["scores"]["mean"]["spread"] == np.float64(0.25)
    assert list(found["scores"]["valence"]) == ["rmse", "sagr", "pcc", "ccc", "mae", "spread"]
    low, high = np.array(found["ends"])
    # 0.25 and the noise's 0.01 over a variance of labels of 1 / 3
    assert (low < 0.28).all()
    assert (high > 0.28).all()
    assert (high - low < 0.1).all()

    stored = json.loads((tmp_path / "val.json").read_text(encoding="utf-8"))
    low, high = stored["intervals"]["mean"]["spread"]
    assert low < stored["mean"]["spread"] < high
    rows = [line for line in shown.splitlines() if "spread" in line]
    assert len(rows) == 3  # valence, arousal and mean
    assert f"{low:.3f} to {high:.3f}" in rows[2]


def test_the_losses_agree_with_the_table():
    preds, target = np.random.default_rng(4).normal(size=(2, 50, 2))
    scores = score(in_batches(preds, target, size=64), MetricOptions(), split="val")
    x, y = torch.from_numpy(preds), torch.from_numpy(target)
    # two float64 evaluations of one formula
    assert 1 - losses.ccc(x, y).item() == pytest.approx(scores.mean["ccc"], rel=1e-12)
    assert 1 - losses.pcc(x, y).item() == pytest.approx(scores.mean["pcc"], rel=1e-12)
    assert losses.rmse(x, y).item() / 2 == pytest.approx(scores.mean["rmse"], rel=1e-12)
