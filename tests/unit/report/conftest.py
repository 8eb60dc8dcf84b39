"""Runs made by hand: their folders, with predictions that were never a model's."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elimctl.config import write_toml
from elimctl.metrics.detail import Resampling
from elimctl.predict.table import CLASS_SCHEMA, SCHEMA
from elimctl.report.subject import gather
from elimctl.train.config import RunConfig, to_values
from elimctl.workspace import Workspace

RESAMPLING = Resampling(resamples=200)
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def make_run(workspace):
    """A function that writes a run: 8 identities of 2 clips of 5 frames, predictions near the labels."""

    def make(name="one", *, seed=0, noise=0.2, classes=(), dataset="drawn", identities=8, **columns):
        rng = np.random.default_rng(0)  # of the labels, the same for all runs
        count = identities * 10
        sample = {
            "row": np.arange(count),
            "path": [f"{row // 5:03d}/{row % 5}.png" for row in range(count)],
            "identity": [f"Actor {row // 10:02d}" for row in range(count)],
            "clip": [f"{row // 5:03d}" for row in range(count)],
            "frame": np.arange(count) % 5,
        }
        target, own = rng.uniform(-0.8, 0.8, (count, 2)), np.random.default_rng(seed)
        if classes:
            codes = rng.integers(len(classes), size=count)
            guessed = np.where(own.random(count) < noise, own.integers(len(classes), size=count), codes)
            named = np.array(classes, object)
            values = {
                "expression": named[codes],
                "expression_pred": named[guessed],
                "probability": own.uniform(0.4, 1, count),
            }
        else:
            preds = target + own.normal(0, noise, (count, 2))
            values = dict(
                zip(SCHEMA.names[5:], [*target.T, *preds.T], strict=True),
            )
        config = RunConfig.model_validate({"data": {"name": dataset}})
        folder = workspace.runs / name
        write_toml(folder / "recipe.toml", to_values(config))
        facts = {"name": name, "created": f"2026-01-0{len(list(workspace.runs.iterdir()))}", "seed": seed}
        facts |= {"dataset": dataset, "manifest": "0" * 64, "fold": 0, "versions": {"elimctl": "0.1.0"}}
        facts |= {"git": "f" * 40} | ({"classes": list(classes)} if classes else {})
        (folder / "run.json").write_text(json.dumps(facts))
        protocol = {"run": name, "step": 7, "dataset": dataset, "manifest": "0" * 64, "fold": 0}
        protocol |= {"split": "val", "metrics": {}} | ({"classes": list(classes)} if classes else {})
        schema = (CLASS_SCHEMA if classes else SCHEMA).with_metadata({"protocol": json.dumps(protocol)})
        table = pa.table({**sample, **values, **columns}).cast(schema)
        (folder / "eval").mkdir()
        pq.write_table(table, folder / "eval" / "val.parquet")
        return name

    return make


@pytest.fixture
def make_crossval(workspace, make_run):
    """A function that writes a cross-validation of two runs: both have the same samples."""

    def make(name="cv", **columns):
        rates = ("accuracy", "balanced_accuracy", "macro_f1")
        metrics = ("ccc", "pcc", "sagr", "rmse", "mae")
        folds = []
        for fold, value in enumerate((0.4, 0.6)):
            run = make_run(f"{name}-f{fold}", seed=fold, **columns)
            scores = {axis: dict.fromkeys(metrics, value) for axis in ("valence", "arousal", "mean")}
            ends = {axis: dict.fromkeys(metrics) for axis in scores} | dict.fromkeys(rates)
            of = {"fold": fold, "run": run, "count": 80, "identities": 8, "undefined": [], "intervals": ends}
            folds.append(of | scores | dict.fromkeys(rates, value))
        over = {"mean": 0.5, "spread": 0.14}
        over_folds = {axis: dict.fromkeys(metrics, over) for axis in ("valence", "arousal", "mean")}
        folder = workspace.runs / name
        folder.mkdir()
        table = pq.read_table(workspace.runs / run / "eval" / "val.parquet")
        protocol = json.loads(table.schema.metadata[b"protocol"]) | {"run": name, "split": "folds"}
        protocol = {key: None if key == "fold" else value for key, value in protocol.items() if key != "step"}
        table = table.replace_schema_metadata({"protocol": json.dumps(protocol)})
        pq.write_table(table, folder / "crossval.parquet")
        record = {"name": name, "folds": folds, "over_folds": over_folds | dict.fromkeys(rates, over)}
        (folder / "crossval.json").write_text(json.dumps(record))
        return name

    return make


@pytest.fixture
def subject(workspace):
    """A function that gathers what there is to know of a run."""
    return lambda name: gather(workspace, name, split="val", resampling=RESAMPLING)
