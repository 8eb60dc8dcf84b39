import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.prepare import assemble
from elimctl.prepare.build import build, read_record
from elimctl.prepare.rewrite import finish, rewrite
from elimctl.prepare.verify import verify
from elimctl.store.images import NAMES, open_images

COMBINATIONS = [(kind, codec) for kind in ("zarr", "hdf5") for codec in ("raw", "blosc", "jpeg")]


@pytest.fixture
def source(make_plan, tmp_path: Path) -> Path:
    """28 rows, some of them dropped, in a raw zarr store of 5 images a shard."""
    folder = tmp_path / "source"
    list(build(make_plan(), folder))
    return folder


def _rewrite(source: Path, out: Path, *, kind: str = "zarr", codec: str = "raw", order=None) -> None:
    table = parquet.read(source)
    order = np.arange(table.num_rows) if order is None else order
    list(rewrite(source, out, table.take(order), order, kind=kind, codec=codec, record=read_record(source)))


def _images(folder: Path) -> np.ndarray:
    return open_images(folder).read(range(28))


@pytest.mark.parametrize(("kind", "codec"), COMBINATIONS)
def test_the_images_are_those_that_preparing_anew_would_give(
    source: Path, make_plan, tmp_path: Path, content, kind: str, codec: str
) -> None:
    _rewrite(source, tmp_path / "out", kind=kind, codec=codec)
    list(build(make_plan(store=kind, codec=codec), tmp_path / "anew"))
    written, anew = content(tmp_path / "out"), content(tmp_path / "anew")
    assert written.keys() == anew.keys()
    assert {name for name in anew if written[name] != anew[name]} <= {"prepare.json"}
    records = [read_record(tmp_path / name) for name in ("out", "anew")]
    for record in records:
        del record["inputs"]  # the caller's: it hashes the settings, those of the store among them
    assert records[0] == records[1]
    assert not [damage for damage in verify(tmp_path / "out") if damage]


@pytest.mark.parametrize("codec", ["raw", "jpeg"])
def test_rows_take_their_images_along(source: Path, tmp_path: Path, codec: str) -> None:
    order = np.random.default_rng(0).permutation(28)
    _rewrite(source, tmp_path / "out", codec=codec, order=order)
    before = parquet.read(source)
    after = parquet.read(tmp_path / "out")
    assert after["path"].to_pylist() == before["path"].take(order).to_pylist()
    _rewrite(source, tmp_path / "straight", codec=codec)
    np.testing.assert_array_equal(_images(tmp_path / "out"), _images(tmp_path / "straight")[order])


def test_jpeg_files_are_copied_and_not_coded_again(source: Path, tmp_path: Path) -> None:
    _rewrite(source, tmp_path / "jpeg", codec="jpeg")
    _rewrite(tmp_path / "jpeg", tmp_path / "again", kind="hdf5", codec="jpeg")
    first, second = (open_images(tmp_path / name).chunks(range(28)) for name in ("jpeg", "again"))
    assert first == second


def test_the_digests_change_with_the_content_only(source: Path, tmp_path: Path) -> None:
    digests = parquet.read(source)["image_sha256"].to_pylist()
    for codec in ("blosc", "jpeg"):
        _rewrite(source, tmp_path / codec, codec=codec)
        found = parquet.read(tmp_path / codec)["image_sha256"].to_pylist()
        assert [digest is None for digest in found] == [digest is None for digest in digests]
        assert (found == digests) == (codec == "blosc")


def test_a_dataset_may_be_rewritten_in_place(source: Path) -> None:
    before = _images(source)
    _rewrite(source, source, kind="hdf5", codec="blosc")
    assert sorted(file.name for file in source.iterdir()) == ["images.h5", "manifest.parquet", "prepare.json"]
    np.testing.assert_array_equal(_images(source), before)
    settings = read_record(source)["settings"]
    assert (settings["store"], settings["codec"]) == ("hdf5", "blosc")


def test_features_stay_beside_the_images(source: Path) -> None:
    (source / "features").mkdir()
    _rewrite(source, source, kind="hdf5")
    assert (source / "features").exists()


def test_the_steps_add_up_to_all_images(source: Path, tmp_path: Path) -> None:
    table = parquet.read(source)
    options = {"kind": "zarr", "codec": "raw", "record": read_record(source)}
    assert list(rewrite(source, tmp_path / "out", table, np.arange(28), **options)) == [5] * 5 + [3]


@pytest.mark.parametrize("codec", ["raw", "blosc", "jpeg"])
def test_a_damaged_image_is_not_taken_over(source: Path, tmp_path: Path, codec: str, content) -> None:
    shard = source / "images.zarr" / "c" / "4" / "0" / "0" / "0"
    damaged = bytearray(shard.read_bytes())
    damaged[10] ^= 1
    shard.write_bytes(damaged)
    before = content(source)
    with pytest.raises(StoreError, match=r"image \d+ of .* its manifest says"):
        _rewrite(source, source, codec=codec, kind="hdf5")
    assert content(source) == before


def _kill() -> None:
    os.kill(os.getpid(), 9)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _stop_at(call: int, stop: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one of the renames of the exchange stop the process."""
    calls = iter(range(100))

    def counting(original: Callable) -> Callable:
        def rename(self: Path, target: Path) -> Path:
            exchanged = self.parent.name == assemble.STAGING and target.parent == self.parent.parent
            if (exchanged or target.parent.name == assemble.REPLACED) and next(calls) == call:
                stop()
            return original(self, target)

        return rename

    monkeypatch.setattr(Path, "replace", counting(Path.replace))
    monkeypatch.setattr(Path, "rename", counting(Path.rename))


@pytest.mark.parametrize("call", range(4))
@pytest.mark.parametrize("kind", ["zarr", "hdf5"])
def test_a_dataset_killed_while_it_is_exchanged_is_completed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content, call: int, kind: str
) -> None:
    _rewrite(source, tmp_path / "wanted", kind=kind, codec="jpeg")
    child = os.fork()
    if not child:
        _stop_at(call, _kill, monkeypatch)
        _rewrite(source, source, kind=kind, codec="jpeg")
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert not (source / parquet.NAME).exists()
    assert finish(source)
    assert content(source) == content(tmp_path / "wanted")
    assert not finish(source)


@pytest.mark.parametrize("call", range(4))
def test_a_dataset_interrupted_while_it_is_exchanged_is_completed(
    source: Path, tmp_path: Path, content, call: int
) -> None:
    _rewrite(source, tmp_path / "wanted", codec="jpeg")
    with pytest.MonkeyPatch.context() as patch:
        _stop_at(call, _interrupt, patch)
        with pytest.raises(KeyboardInterrupt):
            _rewrite(source, source, codec="jpeg")
    assert finish(source)
    assert content(source) == content(tmp_path / "wanted")


def test_a_dataset_interrupted_before_is_as_it_was(source: Path, content) -> None:
    before = content(source)
    steps = rewrite(
        source,
        source,
        parquet.read(source),
        np.arange(28),
        kind="zarr",
        codec="jpeg",
        record=read_record(source),
    )
    next(steps)
    steps.close()
    assert content(source) == before


@pytest.mark.parametrize("record", [None, "{", "{}", json.dumps({"manifest_sha256": "0"}), "[]"])
def test_what_was_not_put_together_is_not_completed(source: Path, record: str | None) -> None:
    staging = source / assemble.STAGING
    staging.mkdir()
    (source / parquet.NAME).rename(staging / parquet.NAME)
    (source / assemble.RECORD).unlink()
    if record is not None:
        (staging / assemble.RECORD).write_text(record)
    assert not finish(source)
    assert (staging / parquet.NAME).exists()
    assert any((source / name).exists() for name in NAMES)
