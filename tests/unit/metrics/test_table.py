import json
import subprocess
import sys

import numpy as np

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
"""


def test_a_new_metric_is_one_entry():
    said = subprocess.run([sys.executable, "-c", NEW], capture_output=True, text=True, check=True).stdout
    found = json.loads(said)
    assert found["scores"]["mean"]["spread"] == np.float64(0.25)
    assert list(found["scores"]["valence"]) == ["rmse", "sagr", "pcc", "ccc", "mae", "spread"]
    low, high = np.array(found["ends"])
    # 0.25 and the noise's 0.01 over a variance of labels of 1 / 3
    assert (low < 0.28).all()
    assert (high > 0.28).all()
    assert (high - low < 0.1).all()
