"""A run scored on stores of other crops: the same part of each face is seen, and other crops are told of."""

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from elimctl.loader.crop import centre
from elimctl.loader.view import View
from elimctl.store.images import open_images

from .conftest import TINY

FEW = ["--resamples", "200"]


@pytest.fixture(scope="module")
def trained(call, raw, tmp_path_factory):
    """A run on crops of 72 px, and the same faces in crops of other sizes, margins and stores."""
    workspace = tmp_path_factory.mktemp("views")
    there = ["--workspace", workspace]
    for name, size, more in (
        ("usual", 72, []),
        ("large", 144, []),
        ("small", 56, []),
        ("hdf5", 144, ["--set", "prepare.store=hdf5"]),
        ("wide", 72, ["--set", "prepare.crop.margin=0.3"]),
        ("points", 144, ["--set", "prepare.crop.align=points"]),
    ):
        arguments = ["--detector", "annotation", "--size", size, "--name", name, *more, *there]
        assert call("prepare", "afew-va", raw, *arguments) == 0
    quick = ["--steps", "8", "--batch-size", "16", "--method", "erm", "--set", "train.lr_backbone=1e-3"]
    assert call("train", *TINY, *quick, "--data", "usual", "--run", "one", *there) == 0
    return workspace


@pytest.fixture
def workspace(trained, tmp_path):
    """A copy of it, of the test's own."""
    folder = tmp_path / "workspace"
    shutil.copytree(trained, folder)
    return folder


@pytest.fixture
def scored(call, capsys):
    """A function that scores the run on a dataset; returns its JSON, standard error and predictions."""

    def evaluate(workspace, data, *arguments):
        there = ["--run", "one", "--data", data, *FEW, "--workspace", workspace]
        capsys.readouterr()
        assert call("eval", *there, *arguments, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert call("eval", *there, *arguments) == 0
        stem = "val" if data == "usual" else f"val-{data}"
        return found, capsys.readouterr().err, preds(workspace, stem)

    return evaluate


def preds(workspace, stem):
    table = pq.read_table(workspace / "runs" / "one" / "eval" / f"{stem}.parquet")
    return np.stack([table[name].to_numpy() for name in ("valence_pred", "arousal_pred")], axis=1)


def images_seen(workspace, data, see):
    return see(open_images(workspace / "data" / data).read(np.arange(48))).astype(np.float64)


@pytest.mark.parametrize("data", ["large", "hdf5"])
def test_the_same_faces_in_crops_of_twice_the_side_are_predicted_alike(workspace, scored, data):
    _, _, own = scored(workspace, "usual")
    found, said, other = scored(workspace, data)
    assert found["crop_differences"] == []
    assert "differ from training" not in said
    # The crops are the same faces resampled once more: pixels differ by a few of 255 levels, predictions by
    # less than a tenth of what they differ from face to face.
    assert np.abs(other - own).max() < 0.1 * np.ptp(own)
    seen, wanted = (images_seen(workspace, name, View(64, 72).apply) for name in (data, "usual"))
    assert np.abs(seen - wanted).mean() < 3
    nose = images_seen(workspace, data, lambda images: centre(images, 64))
    assert np.abs(nose - wanted).mean() > 10  # what a crop of the middle would show


def test_crops_of_equal_size_give_equal_predictions(workspace, scored):
    shutil.copytree(workspace / "data" / "usual", workspace / "data" / "copy")
    _, _, own = scored(workspace, "usual")
    np.testing.assert_array_equal(scored(workspace, "copy")[2], own)


def test_crops_smaller_than_the_network_takes_are_enlarged_and_told_of(workspace, scored):
    found, said, _ = scored(workspace, "small")
    assert found["crop_differences"] == ["crops of 56 px here, enlarged to 72 px of training"]
    assert "crops differ from training: crops of 56 px here" in said


@pytest.mark.parametrize(
    ("data", "told"),
    [("wide", "margin 0.3 here, 0.05 in training"), ("points", "alignment by points here, box in training")],
)
def test_other_crops_are_told_of_in_one_line_and_in_json(workspace, scored, data, told):
    found, said, _ = scored(workspace, data)
    assert found["crop_differences"] == [told]
    assert json.loads((workspace / "runs/one/eval" / f"val-{data}.json").read_text())["crop_differences"] == [
        told
    ]
    assert said.count(told) == 1
    assert f"crops differ from training: {told}\n" in said


def test_another_detector_is_told_of(workspace, scored):
    file = workspace / "data" / "large" / "prepare.json"
    record = json.loads(file.read_text())
    record["settings"]["detector"]["name"] = "scrfd"
    file.write_text(json.dumps(record))
    found, _, _ = scored(workspace, "large")
    assert found["crop_differences"] == ["faces from scrfd here, annotation of afew-va in training"]


def test_a_run_records_its_crops_and_old_runs_take_them_from_their_dataset(workspace, scored):
    file = workspace / "runs" / "one" / "run.json"
    record = json.loads(file.read_text())
    crop = record.pop("crop")
    assert (crop["size_px"], crop["faces"], crop["margin"]) == (72, "annotation of afew-va", 0.05)
    _, _, known = scored(workspace, "large")
    file.write_text(json.dumps(record))
    found, _, other = scored(workspace, "large")
    assert found["crop_differences"] == []
    np.testing.assert_array_equal(other, known)
    shutil.rmtree(workspace / "data" / "usual")
    found, said, _ = scored(workspace, "large")
    assert found["crop_differences"] == ["the run does not record how the training crops were made"]
    assert "does not record how the training crops were made" in said


def test_features_are_of_the_same_view_and_kept_under_its_name(call, workspace, capsys):
    def extract(data):
        capsys.readouterr()
        arguments = ["--data", data, "--json", "--workspace", workspace, "--device", "cpu"]
        assert call("features", "extract", "--model", "one", *arguments) == 0
        return json.loads(capsys.readouterr().out)

    made = {data: extract(data) for data in ("usual", "large", "wide")}
    assert made["large"]["crop_differences"] == []
    assert made["wide"]["crop_differences"] == ["margin 0.3 here, 0.05 in training"]
    assert not extract("large")["computed"]
    file = workspace / "runs" / "one" / "run.json"
    file.write_text(file.read_text().replace('"size_px": 72', '"size_px": 96'))
    assert extract("large")["computed"]  # another share of the crops is other features


def test_an_export_says_how_to_crop(call, workspace, capsys):
    assert call("export", "onnx", "--run", "one", "--workspace", workspace) == 0
    record = json.loads((workspace / "runs/one/export/model.onnx.json").read_text())
    assert record["crop"] == {
        "size_px": 72,
        "centre_px": 64,
        "faces": "annotation of afew-va",
        "detector": "annotation 2",
        "align": "box",
        "margin": 0.05,
    }


def test_a_run_is_not_resumed_on_other_crops(call, workspace, raw, capsys):
    again = ["--detector", "annotation", "--size", "96", "--name", "usual", "--workspace", workspace]
    assert call("prepare", "afew-va", raw, *again) == 0
    assert call("train", "--resume", "--run", "one", "--workspace", workspace) == 1
    assert "has changed since the run began" in capsys.readouterr().err


def test_crops_too_small_to_train_on_are_refused(call, workspace, capsys):
    assert call("train", *TINY, "--steps", "2", "--data", "small", "--workspace", workspace) == 1
    assert "64 px does not fit stored images of 56x56 px" in capsys.readouterr().err


def test_compare_says_which_share_of_a_crop_each_run_sees(call, workspace, capsys):
    there = ["--workspace", workspace]
    sizes = {"same": ("usual", 64), "whole": ("usual", 72)}
    for name, (data, image_px) in sizes.items():
        quick = ["--steps", "1", "--batch-size", "16", "--method", "erm"]
        small = ["--set", "model.neck=gap", "--set", f"model.image_px={image_px}"]
        assert call("train", *quick, *small, "--data", data, "--run", name, *there) == 0
    said = {}
    for name in sizes:
        capsys.readouterr()
        assert call("compare", "one", name, "--json", *FEW, *there) == 0
        said[name] = json.loads(capsys.readouterr().out)["remarks"]
    assert said == {
        "same": [],
        "whole": ["one sees 64 of 72 px of a crop; whole sees 72 of 72 px of a crop"],
    }
