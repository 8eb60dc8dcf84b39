from pathlib import Path

import numpy as np
import pytest

from elimctl.prepare import assemble, gc, stream
from elimctl.prepare.build import UNITS, build
from elimctl.store import features


@pytest.fixture
def prepared(make_plan, tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "afew-va"
    list(build(make_plan(), folder))
    return folder


def _names(folder: Path) -> list[str]:
    return [piece.path.relative_to(folder).as_posix() for piece in gc.find(folder)]


def _cache(folder: Path, **facts: str) -> str:
    key = features.key(facts)
    features.write(folder, key, [np.zeros((28, 3), "f4")], attributes={"facts": facts})
    return f"features/{key}.zarr"


def test_a_prepared_dataset_has_nothing_to_free(prepared: Path) -> None:
    _cache(prepared, content=stream.content(prepared), model="1")
    assert _names(prepared) == []


def test_what_stopped_writers_left_is_found(prepared: Path) -> None:
    left = [UNITS, assemble.STAGING, assemble.REPLACED, ".prepare.json.12.tmp", "features/.x.zarr.12.tmp"]
    for name in left:
        (prepared / name).mkdir(parents=True)
        (prepared / name / "file").write_bytes(b"x" * 10_000)
    assert _names(prepared) == left
    assert all(piece.size >= 10_000 for piece in gc.find(prepared))


def test_a_preparation_that_was_stopped_is_found_without_a_manifest(tmp_path: Path) -> None:
    (tmp_path / UNITS).mkdir()
    assert _names(tmp_path) == [UNITS]


def test_features_of_other_images_are_found(prepared: Path) -> None:
    stale = sorted([_cache(prepared, content="0" * 64), _cache(prepared, model="no content")])
    _cache(prepared, content=stream.content(prepared))
    assert _names(prepared) == stale


def test_features_that_cannot_be_read_are_found(prepared: Path) -> None:
    name = _cache(prepared, content=stream.content(prepared))
    (prepared / name / "c" / "0" / "0").write_bytes(b"")
    assert _names(prepared) == [name]


def test_a_store_that_the_record_does_not_name_is_found(prepared: Path) -> None:
    (prepared / "images.h5").write_bytes(b"x")
    assert _names(prepared) == ["images.h5"]
    (prepared / assemble.RECORD).write_text("{}")  # which of the two is used is not known
    assert _names(prepared) == []


def test_unpacked_archives_are_found(tmp_path: Path) -> None:
    assert list(gc.unpacked(tmp_path)) == []
    (tmp_path / gc.UNPACKED).mkdir()
    assert [piece.path for piece in gc.unpacked(tmp_path)] == [tmp_path / gc.UNPACKED]


def test_what_is_removed_is_gone_and_nothing_else(prepared: Path, content) -> None:
    before = content(prepared)
    (prepared / UNITS / "deep").mkdir(parents=True)
    (prepared / ".x.tmp").write_bytes(b"x")
    for piece in list(gc.find(prepared)):
        gc.remove(piece)
    assert content(prepared) == before
    assert _names(prepared) == []


def test_links_are_removed_and_not_followed(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"x" * 10_000)
    (prepared / UNITS).symlink_to(tmp_path / "outside")
    [piece] = gc.find(prepared)
    assert piece.size < 10_000
    gc.remove(piece)
    assert (tmp_path / "outside" / "file").exists()


def test_a_file_that_is_linked_elsewhere_frees_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_bytes(b"x" * 10_000)
    (tmp_path / "b").hardlink_to(tmp_path / "a" / "one")
    assert gc.disk_bytes(tmp_path / "a") >= 10_000
    assert gc.disk_bytes(tmp_path / "a", freed=True) == 0
