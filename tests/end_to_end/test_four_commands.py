"""The four commands, with the real detector and the real networks, small."""

import json

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
import zarr

from .conftest import TINY


@pytest.fixture(scope="module")
def finished(call, raw, tmp_path_factory):
    """A workspace in which the four commands ran, in order."""
    workspace = tmp_path_factory.mktemp("finished")
    there = ["--workspace", workspace]
    assert call("prepare", "afew-va", raw, "--size", "72", *there) == 0
    # a rate that moves the predictions apart in a few steps: of constant ones no metric means anything
    quick = ["--steps", "6", "--batch-size", "16", "--set", "train.lr_backbone=1e-3"]
    assert call("train", *TINY, *quick, *there) == 0
    assert call("eval", "--split", "val", *there) == 0
    assert call("export", "onnx", *there) == 0
    return workspace


def test_all_files_are_where_the_documentation_says(finished):
    data, run = finished / "data" / "afew-va", finished / "runs" / "elim-al-1"
    for file in ("manifest.parquet", "prepare.json", "images.zarr/zarr.json"):
        assert (data / file).is_file(), file
    for file in ("recipe.toml", "run.json", "metrics.csv", "checkpoints/last.safetensors"):
        assert (run / file).is_file(), file
    for file in ("checkpoints/best.safetensors", "eval/val.json", "eval/val.parquet", "export/model.onnx"):
        assert (run / file).is_file(), file
    assert not [file for file in finished.rglob("*") if file.name.endswith(".tmp")]


def test_the_manifest_adds_up_and_the_store_holds_its_kept_rows(finished):
    data = finished / "data" / "afew-va"
    manifest = pq.read_table(data / "manifest.parquet").to_pydict()
    counts = json.loads((data / "prepare.json").read_text())["counts"]
    assert counts["found"] == len(manifest["row"]) == 48
    assert counts["kept"] + sum(counts["dropped"].values()) == counts["found"]
    assert counts["kept"] >= 46  # the detector may miss a drawing in fifty
    images = zarr.open_array(data / "images.zarr", mode="r")[...]
    kept = np.array(manifest["status"]) == "kept"
    assert (images[kept].reshape(kept.sum(), -1).std(1) > 10).all()


def test_the_scores_are_those_of_the_stored_predictions(finished):
    folder = finished / "runs" / "elim-al-1" / "eval"
    scores = json.loads((folder / "val.json").read_text())
    table = pq.read_table(folder / "val.parquet")
    assert list(scores)[:5] == ["split", "count", "valence", "arousal", "mean"]
    assert scores["count"] == len(table)
    for axis in ("valence", "arousal"):
        y, x = (table[name].to_numpy().astype(np.float64) for name in (axis, f"{axis}_pred"))
        ccc = 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert scores[axis]["ccc"] == pytest.approx(ccc, abs=1e-9)  # float64 sums in another order
        assert scores[axis]["rmse"] == pytest.approx(np.sqrt(np.mean((x - y) ** 2)), abs=1e-9)


def test_the_exported_file_predicts_what_eval_stored(finished):
    run = finished / "runs" / "elim-al-1"
    table = pq.read_table(run / "eval" / "val.parquet")
    images = zarr.open_array(finished / "data" / "afew-va" / "images.zarr", mode="r")[...]
    crops = images[table["row"].to_numpy(), 4:68, 4:68].transpose(0, 3, 1, 2)
    session = onnxruntime.InferenceSession(
        str(run / "export" / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    found = session.run(["valence_arousal"], {"images": np.ascontiguousarray(crops)})[0]
    # float32 in another order of summation: 1e-6 was seen, 1e-4 is what export promises
    wanted = np.stack([table["valence_pred"].to_numpy(), table["arousal_pred"].to_numpy()], axis=1)
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_the_exported_file_says_how_a_face_must_be_cut(finished):
    file = finished / "runs" / "elim-al-1" / "export" / "model.onnx"
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    crop = json.loads(session.get_modelmeta().custom_metadata_map["crop"])
    # of crops of 72 px with a margin of 5 % on each side, the network sees the middle 64
    wanted = {"align": "box", "margin": 0.05, "size_px": 72, "centre_px": 64}
    assert {key: crop.get(key) for key in wanted} == wanted


def test_eval_as_json_is_the_stored_file(call, finished, capsys):
    assert call("eval", "--json", "--workspace", finished) == 0
    stored = json.loads((finished / "runs" / "elim-al-1" / "eval" / "val.json").read_text())
    assert json.loads(capsys.readouterr().out) == stored | {"trained_on_identities": 0}


def test_the_stored_recipe_repeats_the_run(call, finished):
    first = finished / "runs" / "elim-al-1"
    arguments = ["--recipe", first / "recipe.toml", "--run", "again", "--workspace", finished]
    assert call("train", *arguments) == 0
    again = finished / "runs" / "again"
    for file in ("recipe.toml", "metrics.csv", "checkpoints/last.safetensors"):
        assert (again / file).read_bytes() == (first / file).read_bytes(), file


def test_a_second_prepare_leaves_the_dataset_as_it_is(call, raw, finished):
    manifest = finished / "data" / "afew-va" / "manifest.parquet"
    before = manifest.stat().st_mtime_ns
    assert call("prepare", "afew-va", raw, "--size", "72", "--workspace", finished) == 0
    assert manifest.stat().st_mtime_ns == before
