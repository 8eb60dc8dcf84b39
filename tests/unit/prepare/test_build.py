import json
import os
import resource
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import zarr as plain_zarr

from elimctl.datasets import afew_va
from elimctl.errors import DataError, MissingError, StoreError
from elimctl.faces.face import Annotation, Detector, Face
from elimctl.faces.options import DetectorOptions
from elimctl.manifest import columns, parquet
from elimctl.manifest.row import Row
from elimctl.prepare.build import Summary, build, is_current, summary
from elimctl.prepare.plan import Plan
from elimctl.store.images import open_images
from elimctl.store.zarr import shard_name

# Of the 28 frames of `raw`.
DROPPED = {"unreadable image": 2, "no face found": 1, "no label": 1, "unusable face": 1}

MakePlan = Callable[..., Plan]
Content = Callable[[Path], dict[str, bytes]]


def test_what_is_found_is_kept_or_dropped_with_a_reason(make_plan: MakePlan, tmp_path: Path) -> None:
    outcomes = list(build(make_plan(), tmp_path / "out"))
    found = summary(tmp_path / "out")
    totals = {"rows": 28, "clips": 7, "identities": 7}
    assert found == Summary(
        found=28, kept=23, dropped=DROPPED, totals=totals, identity_source="clip", identity_count=7
    )
    assert found.found == found.kept + sum(found.dropped.values()) == len(outcomes)
    table = parquet.read(tmp_path / "out")
    assert Counter(table["status"].to_pylist()) == {"kept": 23, "dropped": 5}
    assert [outcome.reason for outcome in outcomes] == table["reason"].to_pylist()


def test_the_manifest_keeps_to_the_declared_ranges(make_plan: MakePlan, tmp_path: Path) -> None:
    list(build(make_plan(), tmp_path))
    table = parquet.read(tmp_path)
    for name, column in columns.columns().items():
        values = [value for value in table[name].to_pylist() if value is not None]
        if column.range is not None:
            assert all(column.range[0] <= value <= column.range[1] for value in values), name
        if column.values is not None:
            assert set(values) <= set(column.values), name
    assert table["row"].to_pylist() == list(range(28))
    keys = list(zip(*(table[name].to_pylist() for name in ("identity", "clip", "frame")), strict=True))
    assert keys == sorted(keys)
    assert {len(points) for points in table["points"].to_pylist() if points} == {10}


@pytest.mark.parametrize("store", ["zarr", "hdf5"])
def test_image_i_belongs_to_row_i(make_plan: MakePlan, tmp_path: Path, store: str) -> None:
    list(build(make_plan(store=store), tmp_path))
    images = open_images(tmp_path)
    assert tuple(images.shape) == (28, 16, 16, 3)
    kept = [status == "kept" for status in parquet.read(tmp_path)["status"].to_pylist()]
    assert images.read(range(28)).any(axis=(1, 2, 3)).tolist() == kept
    assert images.attributes["crop"]["size_px"] == 16


def test_both_stores_hold_the_same_images(make_plan: MakePlan, tmp_path: Path) -> None:
    for store in ("zarr", "hdf5"):
        list(build(make_plan(store=store), tmp_path / store))
    first, second = (open_images(tmp_path / store).read(range(28)) for store in ("zarr", "hdf5"))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(
        plain_zarr.open_array(tmp_path / "zarr" / "images.zarr", mode="r")[:], first
    )


def test_only_the_files_of_the_design_are_left(make_plan: MakePlan, tmp_path: Path) -> None:
    list(build(make_plan(), tmp_path / "out"))
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == [
        "images.zarr",
        "manifest.parquet",
        "prepare.json",
    ]


@pytest.mark.parametrize("store", ["zarr", "hdf5"])
def test_two_preparations_give_the_same_bytes(
    make_plan: MakePlan, raw: Path, tmp_path: Path, store: str, content: Content
) -> None:
    list(build(make_plan(store=store), tmp_path / "a"))
    for file in raw.rglob("*.png"):
        os.utime(file, (1, 1))
    list(build(make_plan(store=store), tmp_path / "b"))
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_the_record_adds_up_and_names_no_place_or_time(make_plan: MakePlan, tmp_path: Path) -> None:
    list(build(make_plan(), tmp_path))
    text = (tmp_path / "prepare.json").read_text()
    record = json.loads(text)
    assert str(tmp_path) not in text
    assert record["format"] == parquet.FORMAT
    assert record["dataset"] == "afew-va"
    assert record["options"] == {"identity": "clip", "anamorphic": False}
    assert record["settings"]["crop"]["size_px"] == 16
    assert record["manifest_sha256"] == parquet.digest(tmp_path / "manifest.parquet")
    assert parquet.metadata(parquet.read(tmp_path))["settings"] == record["settings"]
    assert "elimctl" in record["versions"]


def test_a_second_call_does_nothing(make_plan: MakePlan, tmp_path: Path, content: Content) -> None:
    list(build(make_plan(), tmp_path))
    before = content(tmp_path)
    assert is_current(make_plan(), tmp_path)
    assert list(build(make_plan(), tmp_path)) == []
    assert content(tmp_path) == before


def test_other_settings_replace_the_dataset(make_plan: MakePlan, tmp_path: Path, content: Content) -> None:
    list(build(make_plan(), tmp_path / "a"))
    again = make_plan(store="hdf5", size_px=24)
    assert not is_current(again, tmp_path / "a")
    list(build(again, tmp_path / "a"))
    list(build(again, tmp_path / "b"))
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_an_earlier_dataset_is_usable_until_the_new_one_is_complete(
    make_plan: MakePlan, tmp_path: Path, content: Content
) -> None:
    list(build(make_plan(), tmp_path))
    before = content(tmp_path)
    for _ in build(make_plan(size_px=24), tmp_path):
        now = content(tmp_path)
        assert {name: now[name] for name in before} == before
    assert open_images(tmp_path).shape[1] == 24


def test_what_else_is_in_the_folder_stays(make_plan: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "x").write_text("kept")
    for size_px in (16, 24):
        list(build(make_plan(size_px=size_px), tmp_path))
    assert (tmp_path / "features" / "x").read_text() == "kept"


def test_a_changed_image_is_noticed_though_size_and_time_are_the_same(
    make_plan: MakePlan, raw: Path, tmp_path: Path
) -> None:
    list(build(make_plan(), tmp_path / "out"))
    file = raw / "01" / "001" / "00000.png"
    status, changed = file.stat(), bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not is_current(make_plan(), tmp_path / "out")


@pytest.mark.parametrize("way", ["a folder", "the root", "a link to the root"])
def test_a_folder_in_the_place_of_another_is_noticed_though_its_files_are_as_old_and_large(
    make_plan: MakePlan, raw: Path, tmp_path: Path, way: str
) -> None:
    """The second folder's files changed before the dataset was made, so their own times do not tell."""
    other = tmp_path / "other"
    shutil.copytree(raw, other)
    file = other / "01" / "001" / "00000.png"
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    if way == "a link to the root":
        raw.rename(tmp_path / "first")
        raw.symlink_to(tmp_path / "first")
    list(build(make_plan(), tmp_path / "out"))
    assert is_current(make_plan(), tmp_path / "out")
    time.sleep(0.02)  # clocks of file systems tick slowly
    if way == "a folder":
        (raw / "01" / "001").rename(tmp_path / "old")
        (other / "01" / "001").rename(raw / "01" / "001")
    elif way == "the root":
        raw.rename(tmp_path / "old")
        other.rename(raw)
    else:
        raw.unlink()
        raw.symlink_to(other)
    assert not is_current(make_plan(), tmp_path / "out")


def test_a_file_that_is_listed_and_missing_may_go_on_missing(
    make_plan: MakePlan, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = afew_va.read
    gone = Row(path="01/gone.png", identity="gone", clip="gone", frame=0)
    monkeypatch.setattr(afew_va, "read", lambda *given: chain(read(*given), [gone]))
    list(build(make_plan(), tmp_path / "out"))
    assert summary(tmp_path / "out").dropped["unreadable image"] == 3
    assert is_current(make_plan(), tmp_path / "out")
    shutil.copy(raw / "01" / "001" / "00000.png", raw / "01" / "gone.png")
    assert not is_current(make_plan(), tmp_path / "out")


def test_a_touched_image_is_still_the_same(make_plan: MakePlan, raw: Path, tmp_path: Path) -> None:
    list(build(make_plan(), tmp_path / "out"))
    for file in raw.rglob("*.png"):
        file.touch()
    assert is_current(make_plan(), tmp_path / "out")


@pytest.mark.parametrize("name", ["manifest.parquet", "prepare.json"])
def test_a_damaged_dataset_is_made_again(
    make_plan: MakePlan, tmp_path: Path, content: Content, name: str
) -> None:
    list(build(make_plan(), tmp_path))
    before = content(tmp_path)
    (tmp_path / name).write_bytes(before[name][:-9])
    assert len(list(build(make_plan(), tmp_path))) == 28
    assert content(tmp_path) == before


def _cut_shard(out: Path) -> None:
    shard = out / "images.zarr" / shard_name(3)
    shard.write_bytes(shard.read_bytes()[:-9])


def _make_newer(out: Path) -> None:
    metadata = out / "images.zarr" / "zarr.json"
    metadata.write_text(
        metadata.read_text().replace(f'"format": {parquet.FORMAT}', f'"format": {parquet.FORMAT + 1}')
    )


@pytest.mark.parametrize(
    ("store", "damage"),
    [
        ("zarr", _cut_shard),
        ("zarr", _make_newer),
        ("zarr", lambda out: shutil.rmtree(out / "images.zarr")),
        ("hdf5", lambda out: (out / "images.h5").unlink()),
        ("hdf5", lambda out: os.truncate(out / "images.h5", 5000)),
    ],
    ids=["shard cut short", "newer store", "no zarr", "no hdf5", "hdf5 cut short"],
)
def test_a_dataset_with_a_damaged_store_is_made_again(
    make_plan: MakePlan, tmp_path: Path, content: Content, store: str, damage: Callable[[Path], object]
) -> None:
    plan = make_plan(store=store)
    list(build(plan, tmp_path))
    before = content(tmp_path)
    damage(tmp_path)
    assert content(tmp_path) != before
    assert len(list(build(plan, tmp_path))) == 28
    assert content(tmp_path) == before


def _newer_record(out: Path) -> None:
    record = out / "prepare.json"
    record.write_text(
        record.read_text().replace(f'"format": {parquet.FORMAT}', f'"format": {parquet.FORMAT + 1}')
    )


def _newer_manifest(out: Path) -> None:
    (out / "prepare.json").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "FORMAT", parquet.FORMAT + 1)
        parquet.write(out / "manifest.parquet", parquet.read(out), metadata={})


@pytest.mark.parametrize("make_newer", [_newer_record, _newer_manifest])
@pytest.mark.parametrize("size_px", [16, 24])
def test_a_dataset_of_a_newer_elimctl_is_never_replaced(
    make_plan: MakePlan, tmp_path: Path, content: Content, make_newer: Callable[[Path], None], size_px: int
) -> None:
    list(build(make_plan(), tmp_path))
    make_newer(tmp_path)
    before = content(tmp_path)
    with pytest.raises(
        StoreError, match=rf"format {parquet.FORMAT + 1}, written by a newer elimctl"
    ) as caught:
        list(build(make_plan(size_px=size_px), tmp_path))
    assert "upgrade" in caught.value.hint
    assert content(tmp_path) == before


def test_nothing_kept_is_an_error_with_the_reasons(make_plan: MakePlan, raw: Path, tmp_path: Path) -> None:
    plan = make_plan()
    for file in raw.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match=r"none of 28 samples .* unreadable image \(27\), no label \(1\)"):
        list(build(plan, tmp_path / "out"))
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(MissingError, match="no prepared dataset"):
        summary(tmp_path / "out")


def test_nothing_kept_leaves_an_earlier_dataset(
    make_plan: MakePlan, raw: Path, tmp_path: Path, content: Content
) -> None:
    list(build(make_plan(), tmp_path / "out"))
    before = content(tmp_path / "out")
    for file in raw.rglob("*.png"):
        file.write_bytes(b"")
    with pytest.raises(DataError):
        list(build(make_plan(), tmp_path / "out"))
    assert content(tmp_path / "out") == before


@pytest.fixture
def limit_file_size() -> Callable[[int], None]:
    """A function that lets no file grow beyond a size, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("store", "limit"), [("zarr", 3000), ("hdf5", 3000), ("hdf5", 8000), ("hdf5", 26_000)]
)
def test_a_full_disk_loses_nothing(
    make_plan: MakePlan,
    tmp_path: Path,
    content: Content,
    limit_file_size: Callable,
    store: str,
    limit: int,
) -> None:
    out = tmp_path / "out"
    list(build(make_plan(), out))
    before = content(out)
    plan = make_plan(store=store, size_px=20)  # shards of about 6 kB, an HDF5 file of 27
    limit_file_size(limit)
    with pytest.raises(OSError, match=r"too large"):
        list(build(plan, out))
    limit_file_size(resource.RLIM_INFINITY)
    now = content(out)
    assert {name: now[name] for name in before} == before
    list(build(plan, out))
    list(build(plan, tmp_path / "whole"))
    assert content(out) == content(tmp_path / "whole")


@pytest.mark.parametrize("out", ["file", "file/dataset"])
def test_a_file_in_the_way_is_named_before_any_face_is_sought(
    make_plan: MakePlan, tmp_path: Path, out: str
) -> None:
    (tmp_path / "file").write_text("a file in the way")
    with pytest.raises(OSError, match="file") as caught:
        next(build(make_plan(), tmp_path / out))
    assert str(tmp_path / "file") in caught.value.filename


def test_a_unit_done_before_is_not_done_again(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    work = build(plan, tmp_path)
    for _ in range(12):  # two units of five are finished
        next(work)
    work.close()
    assert len(list((tmp_path / "units").glob("*.json"))) == 2
    counting = _Counting(plan.detector)
    assert len(list(build(replace(plan, detector=counting), tmp_path))) == 28
    assert counting.calls == 18  # the rows after the first ten


class _Counting:
    """A detector that counts its calls."""

    def __init__(self, detector: Detector) -> None:
        self.digest = detector.digest
        self.calls = 0
        self._detector = detector

    def detect(self, image: np.ndarray, annotation: Annotation | None = None) -> list[Face]:
        self.calls += 1
        return self._detector.detect(image, annotation)


def test_the_real_detector_can_be_chosen(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan(detector=DetectorOptions(name="centerface", longer_side_px=128))
    with pytest.raises(DataError, match=r"no face found"):  # noise has no faces
        list(build(plan, tmp_path))
