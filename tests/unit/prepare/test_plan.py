from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from elimctl.datasets import afew_va
from elimctl.errors import ConfigError, DataError
from elimctl.faces.align import CropOptions
from elimctl.faces.annotation import Annotated
from elimctl.faces.options import DetectorOptions
from elimctl.manifest.row import Row
from elimctl.prepare.plan import Plan, arrange
from elimctl.prepare.settings import PrepareSettings

MakePlan = Callable[..., Plan]


@pytest.fixture
def plan_of(tmp_path: Path) -> MakePlan:
    """A function that plans rows of files that do not exist; each plan replaces the one before."""

    def plan(rows: Iterable[Row], root: Path = Path("raw"), **settings: object) -> Plan:
        given = PrepareSettings(**{"detector": DetectorOptions(name="annotation"), **settings})
        options = afew_va.Options()
        return arrange(rows, root, given, dataset="afew-va", options=options, scratch=tmp_path / "rows")

    return plan


def _rows(count: int, **more: object) -> list[Row]:
    return [Row(path=f"{n}.png", identity=str(n % 10), clip=str(n), frame=n, **more) for n in range(count)]


def _names(plan: Plan) -> list[str]:
    return [numbered.row.path for numbered in plan.rows]


def test_rows_are_sorted_by_identity_then_clip_then_frame(plan_of: MakePlan) -> None:
    rows = _rows(30)
    shuffled = [rows[n] for n in np.random.default_rng(0).permutation(30)]
    plan = plan_of(shuffled)
    keys = [(numbered.row.identity, numbered.row.clip, numbered.row.frame) for numbered in plan.rows]
    assert keys == sorted(keys)
    assert [numbered.number for numbered in plan.rows] == list(range(30))
    assert plan.fingerprint == plan_of(rows).fingerprint


def test_units_are_the_rows_of_each_shard(plan_of: MakePlan, tmp_path: Path) -> None:
    plan = plan_of(_rows(25), shard_images=10)
    tasks = list(plan.tasks(tmp_path))
    assert [(task.start, task.stop) for task in tasks] == [(0, 10), (10, 20), (20, 25)]
    inside = [numbered for task in tasks for numbered in task.spool.between(task.start, task.stop)]
    assert inside == list(plan.rows)
    assert {task.folder for task in tasks} == {tmp_path}


def test_folds_are_those_of_the_settings(plan_of: MakePlan) -> None:
    plan = plan_of(_rows(30), folds=5)
    folds = {numbered.row.identity: numbered.fold for numbered in plan.rows}
    assert np.bincount(list(folds.values())).tolist() == [2] * 5


def test_too_few_identities_are_noticed_before_any_work(plan_of: MakePlan) -> None:
    with pytest.raises(DataError, match="10 identities cannot fill 11 folds"):
        plan_of(_rows(30), folds=11)


def test_nothing_usable_names_the_first_reason(plan_of: MakePlan) -> None:
    row = Row(path="x\udcff", identity="x", clip="x", frame=0, reason="no label")
    with pytest.raises(DataError, match=r"none of 1 sample under raw is usable; the first: x\\xff: no label"):
        plan_of([row])
    with pytest.raises(DataError, match="none of 0 samples"):
        plan_of([])


def test_an_unknown_detector_is_named(plan_of: MakePlan) -> None:
    with pytest.raises(ConfigError, match="centreface"):
        plan_of(_rows(30), detector=DetectorOptions(name="centreface"))


@pytest.mark.parametrize(
    ("splits", "wanted"), [("official", ["train", "val"]), ("folds", [None]), ("own", ["test", None])]
)
def test_splits_are_the_datasets_own_or_none_or_the_users(
    plan_of: MakePlan, tmp_path: Path, splits: str, wanted: list[str | None]
) -> None:
    (tmp_path / "own").write_text("identity,split\n3,test\n", encoding="utf-8")
    rows = [*_rows(30, split="train"), Row(path="x", identity="3", clip="x", frame=0, split="val")]
    plan = plan_of(rows, splits=str(tmp_path / splits) if splits == "own" else splits)
    found = {(numbered.row.identity == "3", numbered.row.split) for numbered in plan.rows}
    assert {split for _, split in found} == set(wanted)
    if splits == "own":
        assert found == {(True, "test"), (False, None)}


def test_splits_of_the_user_that_fit_nothing_are_refused(plan_of: MakePlan, tmp_path: Path) -> None:
    (tmp_path / "own").write_text("clip,split\nelsewhere,test\n", encoding="utf-8")
    with pytest.raises(DataError, match="own names no clip that was found"):
        plan_of(_rows(30), splits=str(tmp_path / "own"))


def test_a_dataset_with_splits_needs_no_folds(plan_of: MakePlan) -> None:
    plan = plan_of(_rows(3, split="train"), folds=6)
    assert {numbered.fold for numbered in plan.rows} == {None}
    with pytest.raises(DataError, match="3 identities cannot fill 6 folds"):
        plan_of(_rows(3, split="train"), folds=6, splits="folds")


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"folds": 3},
        {"size_px": 17},
        {"store": "hdf5"},
        {"codec": "jpeg"},
        {"shard_images": 4},
        {"identity": "actor", "folds": 2},
    ],
)
def test_the_fingerprint_changes_with_every_setting(make_plan: MakePlan, change: dict) -> None:
    assert make_plan(**change).fingerprint != make_plan().fingerprint


@pytest.mark.parametrize("change", [{"workers": 7}, {"executor": "ray"}])
def test_the_fingerprint_does_not_depend_on_who_does_the_work(make_plan: MakePlan, change: dict) -> None:
    assert make_plan(**change).fingerprint == make_plan().fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"valence": 0.5},
        {"split": "val"},
        {"age": 31.0},
        {"expression": "anger"},
        {"side": "left"},
        {"cropped": True},
        {"video_frame": 3},
        {"landmarks": np.ones((68, 2), np.float32)},
        {"points": np.ones((5, 2), np.float32)},
        {"box": (0.0, 0.0, 1.0, 1.0)},
        {"reason": "no label"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_fingerprint_changes_with_everything_a_row_says(plan_of: MakePlan, change: dict) -> None:
    rows, one = _rows(30), {"path": "x", "identity": "x", "clip": "x", "frame": 0}
    assert plan_of([*rows, Row(**one, **change)]).fingerprint != plan_of([*rows, Row(**one)]).fingerprint


def test_the_fingerprint_does_not_depend_on_where_things_are(
    make_plan: MakePlan, plan_of: MakePlan, raw: Path, tmp_path: Path
) -> None:
    before = make_plan().fingerprint
    moved = raw.rename(tmp_path / "moved")
    # The settings of `make_plan`, on another device.
    detector = DetectorOptions(name="annotation", device="cpu", models=Path("/elsewhere"), threads=3)
    rows = afew_va.read(moved, afew_va.Options())
    plan = plan_of(rows, moved, detector=detector, crop=CropOptions(size_px=16), shard_images=5)
    assert plan.fingerprint == before


def test_a_file_of_another_size_changes_the_fingerprint(make_plan: MakePlan, raw: Path) -> None:
    before = make_plan().fingerprint
    with (raw / "01/001/00000.png").open("ab") as file:
        file.write(b"x")
    assert make_plan().fingerprint != before


def test_the_size_of_every_file_counts_not_that_of_the_first_alone(make_plan: MakePlan, raw: Path) -> None:
    before = {make_plan().fingerprint}
    for file in (raw / "01/001/00003.png", raw / "01/007/00003.png"):
        with file.open("ab") as stream:
            stream.write(b"x")
        before.add(make_plan().fingerprint)
    assert len(before) == 3


def test_another_model_of_the_detector_changes_the_fingerprint(
    plan_of: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for digest in ("model 1", "model 2"):
        monkeypatch.setattr(Annotated, "digest", digest)  # under the same name
        found.append(plan_of(_rows(30)).fingerprint)
    assert found[0] != found[1]


def test_the_splits_of_a_file_change_the_fingerprint_and_its_name_does_not(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    first, same, other = (tmp_path / name for name in ("first.csv", "same.csv", "other.csv"))
    for file in (first, same):
        file.write_text("clip,split\n001,train\n", encoding="utf-8")
    other.write_text("clip,split\n001,val\n", encoding="utf-8")
    fingerprints = [make_plan(splits=str(file)).fingerprint for file in (first, same, other)]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
