"""`elimctl data audit`, on prepared datasets of noise."""

import json
import sys

import numpy as np
import pyarrow as pa
import pytest

from elimctl.cli import main as cli
from elimctl.faces.align import CropOptions
from elimctl.manifest import columns, parquet
from elimctl.store.images import encode_unit, write_images


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """A function that runs the command in a workspace: exit code, stdout, stderr."""

    def call(*arguments):
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(
            sys, "argv", ["elimctl", "data", "audit", *arguments, "--workspace", str(tmp_path)]
        )
        with pytest.raises(SystemExit) as leave:
            cli.main()
        return leave.value.code or 0, *capsys.readouterr()

    return call


@pytest.fixture
def prepare(tmp_path):
    """A function that writes a prepared dataset of 4 images in 2 folds."""

    def write(**given):
        folder = tmp_path / "data" / "noise"
        folder.mkdir(parents=True)
        images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
        encoded = encode_unit(images, np.ones(4, bool), codec="raw", shard_images=4)
        (tmp_path / "unit").write_bytes(encoded.content)
        write_images(
            folder,
            images.shape,
            [tmp_path / "unit"],
            kind="zarr",
            codec="raw",
            shard_images=4,
            attributes={"crop": CropOptions(size_px=16).model_dump(mode="json")},
        )
        values = {
            **dict.fromkeys(columns.schema().names, [None] * 4),
            "row": list(range(4)),
            "path": list("abcd"),
            "identity": list("aabb"),
            "clip": list("aabb"),
            "frame": [0, 1, 0, 1],
            "fold": [0, 0, 1, 1],
            "status": ["kept"] * 4,
            "image_sha256": encoded.sha256,
            "valence": [0.1, 0.2, None, 5.0],
            "expression": ["anger", "anger", "anger", "fear"],
            **given,
        }
        parquet.write(folder / parquet.NAME, pa.table(values, schema=columns.schema()), metadata={})
        return folder

    return write


def test_a_clean_dataset_is_exit_code_0(run, prepare):
    folder = prepare()
    code, out, err = run()
    assert code == 0
    assert "LEAK" not in out
    assert "1 OUTSIDE [-1, 1]" in out
    assert "1 row without" in " ".join(out.replace("│", " ").split())
    assert "class anger" in out
    assert str(folder / "audit.json") in err.replace("\n", "")


def test_a_leak_is_exit_code_1_and_comes_first(run, prepare):
    prepare(actor=["x", "y", "x", None])
    code, out, _ = run("noise")
    assert code == 1
    lines = [line for line in out.splitlines() if "│" in line]
    assert "actor" in lines[0]
    assert "LEAK" in lines[0]
    assert max(map(len, out.splitlines())) <= 80


def test_json_is_the_audit_and_nothing_else(run, prepare, tmp_path):
    prepare(actor=list("xyxz"))
    code, out, err = run("--json", "--no-images", "--out", str(tmp_path / "found.json"))
    assert code == 1
    found = json.loads(out)
    assert found == json.loads((tmp_path / "found.json").read_text())
    assert found["leaking"] is True
    assert found["skipped"]["near-duplicate image"] == "not asked for"
    assert err == ""


def test_a_dataset_that_is_not_there_is_an_error(run, prepare):
    prepare()
    code, _, err = run("other")
    assert code == 1
    assert "no prepared dataset 'other'" in err
