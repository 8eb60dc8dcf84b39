"""Every method trains, is resumed, scored and exported, on a synthetic dataset that has what it wants."""

import csv
import json
import tomllib

import pyarrow.parquet as pq
import pytest

from elimctl import plugins
from elimctl.commands import train as stage
from elimctl.recipe import run_config
from elimctl.train.loop import fit
from elimctl.workspace import Workspace

METHODS = [name for name in plugins.names("methods") if hasattr(plugins.find("methods", name), "SAMPLER")]
MODEL = {"name": "timm/test_resnet", "image_px": 32}
TRAIN = {"steps": 4, "batch_size": 16, "identities_per_batch": 4, "eval_every": 2, "checkpoint_every": 1}


@pytest.fixture(scope="module")
def datasets(call, tmp_path_factory):
    """A workspace with two datasets: one with valence, arousal and ages, one with classes."""
    workspace = tmp_path_factory.mktemp("methods")
    for name, options in (
        ("affectnet", ["--people", "24", "--clips", "24", "--frames", "2"]),
        ("raf-db", ["--people", "24", "--clips", "24", "--frames", "3"]),
    ):
        raw = workspace / "raw" / name
        small = ["--set", "synth.width_px=96", "--set", "synth.height_px=96"] if name == "affectnet" else []
        assert call("synth", name, raw, *options, *small) == 0
    ages = workspace / "ages.csv"
    arguments = ["--detector", "annotation", "--size", "40", "--workspace", workspace]
    assert call("prepare", "affectnet", workspace / "raw" / "affectnet", *arguments) == 0
    rows = pq.read_table(workspace / "data" / "affectnet" / "manifest.parquet", columns=["path"])
    with ages.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "age"])
        for number, path in enumerate(rows["path"].to_pylist()):
            writer.writerow(["/".join(path.split("/")[-2:]), 20 + 10 * (number % 5)])
    arguments += ["--identity", "age-group", "--ages", ages]
    assert call("prepare", "affectnet", workspace / "raw" / "affectnet", *arguments) == 0
    # the smallest images that every backbone takes
    arguments = ["--detector", "annotation", "--size", "64", "--workspace", workspace]
    assert call("prepare", "raf-db", workspace / "raw" / "raf-db", *arguments) == 0
    return workspace


def config(method):
    data = (
        "raf-db" if getattr(plugins.find("methods", method), "TASK", "") == "classification" else "affectnet"
    )
    settings = (
        {"samples_per_identity": 2} if method == "elim-age" else {}
    )  # of each group of ages in a batch of 16
    return run_config(
        {"data": {"name": data}, "model": MODEL, "method": {"name": method, **settings}, "train": TRAIN}
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_trained_resumed_scored_and_exported(datasets, call, method):
    workspace = Workspace(datasets)
    whole = stage.start(workspace, config(method), name=f"{method}-whole")
    reports = list(fit(whole))
    if hasattr(plugins.find("methods", method), "MATCHES"):
        assert all(report.losses["main"] > 0 for report in reports)
    killed = fit(stage.start(workspace, config(method), name=f"{method}-killed"))
    assert next(killed).step == 1
    killed.close()
    resumed = stage.resume(workspace, name=f"{method}-killed")
    list(fit(resumed))
    for file in ("metrics.csv", "checkpoints/last.safetensors"):
        assert (resumed.run.folder / file).read_bytes() == (whole.run.folder / file).read_bytes()
    arguments = ["--run", f"{method}-whole", "--workspace", datasets]
    assert call("eval", *arguments) == 0
    scores = json.loads((whole.run.folder / "eval" / "val.json").read_text())
    assert scores["count"] > 0
    assert call("export", "onnx", *arguments) == 0


@pytest.mark.parametrize(
    ("method", "backbone", "image_px", "neck"),
    [
        # al is the default, and has no neck that is a part of it
        ("dmue", [], 64, "fc"),
        ("cross-entropy", [], 64, "fc"),
        ("dmue", ["--backbone", "r18"], 32, "split"),
    ],
)
def test_a_classifier_takes_the_part_of_a_network_that_there_is(
    datasets, call, method, backbone, image_px, neck
):
    arguments = ["--data", "raf-db", "--method", method, *backbone, "--steps", "1", "--batch-size", "16"]
    arguments += ["--set", f"model.image_px={image_px}"]
    run = f"{method}-{neck}"
    assert call("train", *arguments, "--run", run, "--workspace", datasets) == 0
    with (datasets / "runs" / run / "recipe.toml").open("rb") as file:
        assert tomllib.load(file)["model"]["neck"] == neck
    assert call("eval", "--run", run, "--workspace", datasets) == 0
    assert call("export", "onnx", "--run", run, "--workspace", datasets) == 0


def test_flipped_labels_are_looked_for_in_the_latent_distribution(datasets, call):
    arguments = ["--data", "raf-db", "--method", "dmue", "--backbone", "timm/test_resnet", "--steps", "2"]
    arguments += ["--batch-size", "16", "--set", "model.image_px=32"]
    assert (
        call("train", *arguments, "--set", "data.label_noise=0.2", "--run", "flips", "--workspace", datasets)
        == 0
    )
    assert call("eval", "--split", "train", "--run", "flips", "--workspace", datasets) == 0
    found = json.loads((datasets / "runs" / "flips" / "eval" / "label_noise.json").read_text())
    assert found["count"] > 0
    assert 0 <= found["original_first"] <= 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--method", "elim", "--data", "raf-db"], "elim learns valence and arousal"),
        (["--method", "caf", "--data", "raf-db"], "caf learns valence and arousal"),
        (["--method", "elim-age", "--data", "raf-db"], "needs the age of each person"),
        (
            ["--method", "erm", "--data", "affectnet", "--set", "data.label_noise=0.1"],
            "data.label_noise with erm",
        ),
        (
            ["--method", "erm", "--data", "affectnet", "--set", "train.sampler=class"],
            "with a method that learns valence and arousal",
        ),
        (["--method", "dmue", "--data", "raf-db", "--batch-size", "4"], "batch of 4 for 7 classes"),
        (["--data", "affectnet", "--set", "train.max_identities=99"], "train.max_identities = 99"),
        (
            ["--method", "dmue", "--data", "raf-db", "--set", "train.accumulate=2"],
            "dmue on 1 ranks with train.accumulate = 2, expected 1 and 1",
        ),
        (
            ["--method", "elim-age", "--data", "affectnet", "--batch-size", "16"],
            "elim-age matches groups of ages with 10 samples or more in a batch",
        ),
        (
            ["--method", "elim", "--data", "affectnet", "--set", "train.sampler=shuffle"],
            "elim matches identities with 10 samples or more in a batch",
        ),
        (
            ["--data", "affectnet", "--set", "train.identities_per_batch=1"],
            "train.identities_per_batch = 1, and elim matches 2",
        ),
    ],
)
def test_what_a_method_wants_and_has_not_got_is_said_before_there_is_a_run(
    datasets, call, capsys, arguments, said
):
    small = ["--backbone", "timm/test_resnet", "--set", "model.image_px=32", "--run", "refused"]
    assert call("train", *small, *arguments, "--workspace", datasets) == 1
    assert said in capsys.readouterr().err
    assert not (datasets / "runs" / "refused" / "run.json").exists()
