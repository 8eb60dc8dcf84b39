import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pytest

from elimctl import plugins
from elimctl.datasets import afew_va, aff_wild
from elimctl.errors import DataError, MissingError
from elimctl.faces.align import CropOptions
from elimctl.faces.options import DetectorOptions
from elimctl.manifest import parquet
from elimctl.manifest.row import Row
from elimctl.prepare import executors
from elimctl.prepare.build import Part, build, summary
from elimctl.prepare.plan import Plan, arrange
from elimctl.prepare.settings import PrepareSettings
from elimctl.synthetic import aff_wild as synthetic

Content = Callable[[Path], dict[str, bytes]]
MakePlan = Callable[..., Plan]

PATIENCE_S = 30  # the machines are shared; what is waited for takes less than a second


@pytest.fixture
def mixed_plan(raw: Path, tmp_path: Path) -> MakePlan:
    """A function that plans a tree of images and videos, some of them damaged."""
    films = tmp_path / "films"
    options = synthetic.Options(people=2, clips=2, frames=12, width_px=96, height_px=72)
    synthetic.write(films, np.random.default_rng(0), options)

    def rows() -> Iterator[Row]:
        images, videos = afew_va.read(raw, afew_va.Options()), aff_wild.read(films, aff_wild.Options())
        for root, row in chain(((raw, row) for row in images), ((films, row) for row in videos)):
            yield replace(row, path=f"{root.name}/{row.path}")

    def make(**settings: object) -> Plan:
        given = {
            "detector": DetectorOptions(name="annotation"),
            "crop": CropOptions(size_px=16),
            "shard_images": 5,  # units end in the midst of clips
            "workers": 1,
        }
        return arrange(
            rows(),
            tmp_path,
            PrepareSettings(**(given | settings)),
            dataset="mixed",
            options=afew_va.Options(),
            scratch=tmp_path / f"rows {len(list(tmp_path.iterdir()))}",
        )

    return make


def _whole(plan: Plan, out: Path) -> None:
    outcomes = list(build(plan, out))
    assert [outcome.reason for outcome in outcomes] == parquet.read(out)["reason"].to_pylist()


def _on_ray(plan: Plan, out: Path) -> None:
    pytest.importorskip("ray")
    _whole(plan, out)


def _in_shares(plan: Plan, out: Path) -> None:
    """As three calls of an array job in any order, one of them twice, and a fourth that merges."""
    outcomes = {}
    for index in (2, 0, 1, 2):
        outcomes[index] = list(build(plan, out, job=Part(index, 3)))
        assert [file.name for file in out.iterdir()] == ["units"]
    merged = list(build(plan, out, job="merge"))
    assert len(merged) == len(plan.rows) == sum(map(len, outcomes.values()))


@pytest.mark.parametrize(
    ("settings", "run"),
    [
        ({"workers": 2}, _whole),
        ({}, _in_shares),
        ({"executor": "ray"}, _on_ray),
    ],
    ids=["processes", "shares", "ray"],
)
def test_whoever_does_the_work_the_bytes_are_the_same(
    mixed_plan: MakePlan, tmp_path: Path, content: Content, settings: dict, run: Callable[[Plan, Path], None]
) -> None:
    _whole(mixed_plan(), tmp_path / "here")
    run(mixed_plan(**settings), tmp_path / "there")
    assert content(tmp_path / "there") == content(tmp_path / "here")
    found = summary(tmp_path / "here")
    assert found.found == 28 + 24
    assert found.kept >= 23 + 20  # of the images five are damaged


def test_a_missing_unit_is_told_before_anything_is_merged(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    list(build(plan, tmp_path / "out", job=Part(1, 3)))  # units 1 and 4 of 6
    with pytest.raises(MissingError, match="4 of 6 units are not done, the first is unit 0") as caught:
        list(build(plan, tmp_path / "out", job="merge"))
    assert "--job-index" in caught.value.hint
    list(build(plan, tmp_path / "out", job=Part(0, 3)))
    with pytest.raises(MissingError, match="2 of 6 units are not done, the first is unit 2"):
        list(build(plan, tmp_path / "out", job="merge"))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["units"]


def test_units_of_other_files_are_not_merged(make_plan: MakePlan, raw: Path, tmp_path: Path) -> None:
    plan = make_plan()
    list(build(plan, tmp_path / "out", job=Part(0, 1)))
    file = raw / "01" / "001" / "00000.png"
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    with pytest.raises(MissingError, match="1 of 6 units are not done, the first is unit 0"):
        list(build(plan, tmp_path / "out", job="merge"))


def test_of_more_shares_than_units_some_have_nothing_to_do(
    make_plan: MakePlan, tmp_path: Path, content: Content
) -> None:
    plan = make_plan(workers=2)
    assert list(build(plan, tmp_path / "out", job=Part(7, 9))) == []


def test_a_share_of_a_dataset_that_is_prepared_leaves_what_others_do_there(
    make_plan: MakePlan, tmp_path: Path
) -> None:
    plan = make_plan()
    list(build(plan, tmp_path))
    list(build(make_plan(size_px=24), tmp_path, job=Part(0, 2)))
    of_others = sorted((tmp_path / "units").iterdir())
    assert list(build(plan, tmp_path, job=Part(0, 2))) == []
    assert sorted((tmp_path / "units").iterdir()) == of_others != []


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Installs `trap_detector.py` as the detector `trap` of a third party, and gives its folder of orders."""
    site = tmp_path / "site"
    (site / "trap-1.0.dist-info").mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("trap_detector.py"), site)
    (site / "trap-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: trap\nVersion: 1.0\n")
    (site / "trap-1.0.dist-info" / "entry_points.txt").write_text("[elimctl.faces]\ntrap = trap_detector\n")
    monkeypatch.syspath_prepend(str(site))  # the workers get it too
    plugins._third_party.cache_clear()
    orders = tmp_path / "orders"
    orders.mkdir()
    yield orders
    plugins._third_party.cache_clear()


def _workers(orders: Path) -> set[int]:
    """Processes that loaded the trap, without this one."""
    return {int(file.stem) for file in orders.glob("*.pid")} - {os.getpid()}


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.01)


def test_a_worker_that_dies_is_told_and_the_next_call_completes(
    make_plan: MakePlan, tmp_path: Path, content: Content, trap: Path
) -> None:
    plan = make_plan(detector=DetectorOptions(name="trap", models=trap), shard_images=2, workers=2)
    work = build(plan, tmp_path / "out")
    list(islice(work, 5))  # of the third unit
    units = tmp_path / "out" / "units"
    _wait_until(lambda: len(list(units.glob("*.json"))) == 6)  # all that were handed out
    (trap / "die").touch()
    list(islice(work, 2))  # of the fourth: the seventh was handed out, and a process dies of it
    _wait_until(lambda: not (trap / "die").exists())
    time.sleep(0.5)  # the pool notices, and takes no more work
    with pytest.raises(DataError, match=r"a worker process died, .* finished units are kept") as caught:
        list(work)
    assert "--workers" in caught.value.hint
    assert not any(map(_is_alive, _workers(trap)))
    finished = {file: _place(file.with_suffix(".shard")) for file in units.glob("*.json")}
    assert len(finished) == 6
    list(build(plan, tmp_path / "out", job=Part(0, 1)))
    assert {file: _place(file.with_suffix(".shard")) for file in finished} == finished
    list(build(plan, tmp_path / "out"))
    list(build(make_plan(detector=plan.settings.detector, shard_images=2), tmp_path / "whole"))
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def _place(file: Path) -> tuple[int, int]:
    """What changes when a file is written again."""
    return file.stat().st_ino, file.stat().st_mtime_ns


def test_workers_stop_soon_when_their_work_is_not_wanted_any_more(
    make_plan: MakePlan, tmp_path: Path, trap: Path
) -> None:
    (trap / "slow").touch()
    plan = make_plan(detector=DetectorOptions(name="trap", models=trap), shard_images=4, workers=2)
    work = build(plan, tmp_path)
    next(work)
    before = (trap / "seen").stat().st_size
    work.close()  # as Ctrl-C does
    # Up to 12 images are left of the units that were handed out. Each worker may end the one that it is at,
    # and another while this process comes round to telling them.
    assert (trap / "seen").stat().st_size <= before + 4
    assert not any(map(_is_alive, _workers(trap)))
    assert _workers(trap)


def test_what_a_worker_raises_comes_through(make_plan: MakePlan, tmp_path: Path) -> None:
    plan = make_plan()
    (tmp_path / "units").write_text("a file in the way")
    with pytest.raises(FileExistsError) as caught:
        list(executors.processes(plan.tasks(tmp_path / "units"), workers=2))
    assert caught.value.filename == str(tmp_path / "units")
