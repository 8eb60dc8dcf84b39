"""Identities that a model finds: asked for once, found once."""

import hashlib
import json

import pyarrow.parquet as pq
import pytest

from elimctl.store.zarr import shard_name

# the stand-in sees 8 x 8 px: different faces are more alike to it than to ArcFace
SPLIT_FINELY = ["--set", "prepare.folds=2", "--set", "prepare.cluster_threshold=0.98"]
ANNOTATED = ["--detector", "annotation", "--size", "64"]


@pytest.fixture(scope="module")
def afew(call, tmp_path_factory):
    """A raw AFEW-VA of 6 people in 12 clips."""
    folder = tmp_path_factory.mktemp("raw") / "afew-va"
    size = ["--set", "synth.width_px=160", "--set", "synth.height_px=128"]
    assert call("synth", "afew-va", folder, "--people", 6, "--clips", 12, "--frames", 2, *size) == 0
    return folder


def prepare(call, dataset, raw, workspace, *arguments):
    return call("prepare", dataset, raw, *ANNOTATED, *arguments, "--workspace", workspace)


def test_clusters_are_found_once_and_noted(call, afew, packs, tmp_path, capsys):
    arguments = ["--identity", "cluster", "--models", packs, *SPLIT_FINELY]
    assert prepare(call, "afew-va", afew, tmp_path, *arguments) == 0
    folder = tmp_path / "data" / "afew-va"
    record = json.loads((folder / "prepare.json").read_text())
    table = pq.read_table(folder / "manifest.parquet")
    assert record["identities"]["mode"] == "cluster"
    assert all(name.startswith("cluster-") for name in table["identity"].to_pylist())
    assert len(set(table["identity"].to_pylist())) == record["identities"]["identities"]
    assert table["row"].to_pylist() == list(range(24))
    assert call("data", "verify", "--workspace", tmp_path) == 0
    before = (folder / "manifest.parquet").stat().st_mtime_ns
    capsys.readouterr()
    assert prepare(call, "afew-va", afew, tmp_path, *arguments) == 0
    assert "is already prepared" in capsys.readouterr().err
    assert (folder / "manifest.parquet").stat().st_mtime_ns == before


def test_other_identities_make_another_dataset(call, afew, packs, tmp_path):
    arguments = ["--identity", "cluster", "--models", packs, *SPLIT_FINELY]
    assert prepare(call, "afew-va", afew, tmp_path, *arguments) == 0
    assert prepare(call, "afew-va", afew, tmp_path) == 0
    table = pq.read_table(tmp_path / "data" / "afew-va" / "manifest.parquet")
    assert table["identity"].to_pylist() == table["clip"].to_pylist()


def test_estimated_ages_group_the_images(call, packs, tmp_path):
    raw = tmp_path / "raw"
    assert call("synth", "raf-db", raw, "--people", 4, "--clips", 4, "--frames", 3) == 0
    arguments = ["--identity", "age-group", "--ages", "model", "--models", packs]
    assert prepare(call, "raf-db", raw, tmp_path, *arguments) == 0
    record = json.loads((tmp_path / "data" / "raf-db" / "prepare.json").read_text())
    table = pq.read_table(tmp_path / "data" / "raf-db" / "manifest.parquet")
    assert record["identities"]["mode"] == "age-group"
    # the stand-in estimates ages by brightness
    assert all(0 <= age <= 100 for age in table["age"].to_pylist())
    groups = [group or "none" for group in table["age_group"].to_pylist()]
    assert table["identity"].to_pylist() == groups


@pytest.mark.parametrize("arguments", [["--identity", "cluster"], ["--ages", "model"]])
def test_a_missing_model_is_noticed_before_any_work(call, tmp_path, capsys, arguments):
    raw = tmp_path / "raw"
    assert call("synth", "raf-db", raw, "--people", 2, "--clips", 2, "--frames", 1) == 0
    (tmp_path / "models").mkdir()
    capsys.readouterr()
    assert prepare(call, "raf-db", raw, tmp_path, *arguments, "--models", tmp_path / "models") == 1
    assert "insightface-cli model.download" in capsys.readouterr().err
    assert not (tmp_path / "data" / "raf-db").exists()


def test_ages_of_a_model_are_no_identities_of_clips(call, tmp_path, capsys):
    arguments = ["--identity", "image", "--ages", "model"]
    assert prepare(call, "raf-db", tmp_path, tmp_path, *arguments) == 1
    assert "it needs identity = age-group" in capsys.readouterr().err


def test_another_model_finds_other_identities(call, afew, packs, save_recognition, tmp_path):
    arguments = ["--identity", "cluster", *SPLIT_FINELY]
    other = save_recognition(tmp_path / "models" / "w600k_r50.onnx", seed=1)
    found = []
    for models in (packs, other.parent):
        assert prepare(call, "afew-va", afew, tmp_path, *arguments, "--models", models) == 0
        record = json.loads((tmp_path / "data" / "afew-va" / "prepare.json").read_text())
        found.append(record["identities"]["model"])
    assert found[1] == hashlib.sha256(other.read_bytes()).hexdigest() != found[0]


def test_no_face_is_sought_again_when_a_kill_came_into_the_exchange(call, afew, packs, tmp_path, capsys):
    arguments = ["--identity", "cluster", "--models", packs, *SPLIT_FINELY]
    assert prepare(call, "afew-va", afew, tmp_path, *arguments) == 0
    folder = tmp_path / "data" / "afew-va"
    before = (folder / "manifest.parquet").read_bytes()
    (folder / ".staging").mkdir()
    for name in ("prepare.json", "manifest.parquet"):
        (folder / name).rename(folder / ".staging" / name)
    capsys.readouterr()
    assert prepare(call, "afew-va", afew, tmp_path, *arguments) == 0
    assert "is already prepared" in capsys.readouterr().err
    assert (folder / "manifest.parquet").read_bytes() == before


def test_preparing_again_mends_what_verify_found(call, afew, tmp_path):
    assert prepare(call, "afew-va", afew, tmp_path) == 0
    folder = tmp_path / "data" / "afew-va"
    shard = folder / "images.zarr" / shard_name(0)
    content = shard.read_bytes()
    shard.unlink()
    shard.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert call("data", "verify", "--workspace", tmp_path) == 1
    assert prepare(call, "afew-va", afew, tmp_path, "--force") == 0
    assert call("data", "verify", "--workspace", tmp_path) == 0
