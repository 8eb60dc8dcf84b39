from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elimctl.datasets import afew_va
from elimctl.errors import ConfigError, DataError
from elimctl.faces.align import CropOptions
from elimctl.faces.options import DetectorOptions
from elimctl.manifest.row import Row
from elimctl.prepare.plan import Plan, arrange
from elimctl.prepare.settings import PrepareSettings, recorded


def _arrange(rows: list[Row], **settings: object) -> Plan:
    given = PrepareSettings(detector=DetectorOptions(name="annotation"), **settings)
    return arrange(rows, Path("raw"), given, dataset="afew-va", options=afew_va.Options())


def _rows(count: int) -> list[Row]:
    return [Row(path=f"{n}.png", identity=str(n % 10), clip=str(n), frame=n) for n in range(count)]


def test_rows_are_sorted_by_identity_then_clip_then_frame() -> None:
    rows = _rows(30)
    shuffled = [rows[n] for n in np.random.default_rng(0).permutation(30)]
    plan = _arrange(shuffled)
    keys = [(row.identity, row.clip, row.frame) for row in plan.rows]
    assert keys == sorted(keys)
    assert plan.fingerprint == _arrange(rows).fingerprint


def test_units_are_the_rows_of_each_shard() -> None:
    plan = _arrange(_rows(25), shard_images=10)
    assert [len(unit) for unit in plan.units()] == [10, 10, 5]
    assert tuple(row for unit in plan.units() for row in unit) == plan.rows


def test_an_identity_is_in_one_fold_and_folds_are_balanced() -> None:
    plan = _arrange(_rows(30), folds=5)
    folds = {row.identity: fold for row, fold in zip(plan.rows, plan.folds, strict=True)}
    assert np.bincount(list(folds.values())).tolist() == [2] * 5
    assert [folds[row.identity] for row in plan.rows] == list(plan.folds)


def test_an_identity_without_usable_rows_takes_no_place_in_a_fold() -> None:
    rows = [*_rows(10), Row(path="x", identity="x", clip="x", frame=0, reason="no label")]
    plan = _arrange(rows, folds=5)
    assert plan.folds[-1] is None
    assert plan.folds[:-1] == _arrange(rows[:-1], folds=5).folds


def test_too_few_identities_are_noticed_before_any_work() -> None:
    with pytest.raises(DataError, match="10 identities cannot fill 11 folds"):
        _arrange(_rows(30), folds=11)


def test_nothing_usable_names_the_first_reason() -> None:
    with pytest.raises(DataError, match="none of 1 samples under raw is usable; the first: no label"):
        _arrange([Row(path="x", identity="x", clip="x", frame=0, reason="no label")])
    with pytest.raises(DataError, match="none of 0 samples"):
        _arrange([])


def test_an_unknown_detector_is_named() -> None:
    settings = PrepareSettings(detector=DetectorOptions(name="centreface"))
    with pytest.raises(ConfigError, match="centreface"):
        arrange(_rows(30), Path("raw"), settings, dataset="afew-va", options=afew_va.Options())


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"folds": 3}, {"size_px": 17}, {"store": "hdf5"}, {"identity": "actor", "folds": 2}],
)
def test_the_fingerprint_changes_with_every_setting(make_plan: Callable, change: dict) -> None:
    assert make_plan(**change).fingerprint != make_plan().fingerprint


def test_the_fingerprint_does_not_depend_on_where_things_are(
    make_plan: Callable, raw: Path, tmp_path: Path
) -> None:
    before = make_plan().fingerprint
    moved = raw.rename(tmp_path / "moved")
    # The settings of `make_plan`, on another device.
    detector = DetectorOptions(name="annotation", device="cpu", models=Path("/elsewhere"), threads=3)
    settings = PrepareSettings(detector=detector, crop=CropOptions(size_px=16), shard_images=5)
    options = afew_va.Options()
    plan = arrange(afew_va.read(moved, options), moved, settings, dataset="afew-va", options=options)
    assert plan.fingerprint == before


def test_a_file_of_another_size_changes_the_fingerprint(make_plan: Callable, raw: Path) -> None:
    before = make_plan().fingerprint
    with (raw / "01/001/00000.png").open("ab") as file:
        file.write(b"x")
    assert make_plan().fingerprint != before


def test_what_is_recorded_names_no_place() -> None:
    values = recorded(PrepareSettings(detector=DetectorOptions(models=Path("/models"), device="cuda")))
    assert values["detector"].keys().isdisjoint({"models", "device", "threads"})
    assert "/models" not in str(values)
