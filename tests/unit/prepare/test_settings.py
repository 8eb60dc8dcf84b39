from pathlib import Path

import pytest

from elimctl.config import Config
from elimctl.faces.options import DetectorOptions
from elimctl.prepare.settings import PrepareSettings, of_a_unit, recorded, recorded_options

ELSEWHERE = DetectorOptions(models=Path("/models"), device="cuda", threads=4)


@pytest.mark.parametrize("values", [recorded, of_a_unit])
def test_what_is_recorded_names_no_place(values) -> None:
    found = values(PrepareSettings(detector=ELSEWHERE))
    assert found["detector"].keys().isdisjoint({"models", "device", "threads"})
    assert "/models" not in str(found)
    assert found == values(PrepareSettings())


def test_what_is_recorded_does_not_depend_on_who_does_the_work() -> None:
    assert recorded(PrepareSettings(workers=3, executor="ray")) == recorded(PrepareSettings())


def test_every_setting_that_counts_is_recorded() -> None:
    left_out = {"workers", "executor"}
    assert recorded(PrepareSettings()).keys() == PrepareSettings.model_fields.keys() - left_out


def test_of_own_splits_the_content_is_recorded(tmp_path: Path) -> None:
    file = tmp_path / "splits.csv"
    file.write_bytes(b"abc")
    # sha256 of "abc", from FIPS 180-2, appendix B.1
    wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert recorded(PrepareSettings(splits=str(file)))["splits"] == wanted
    assert recorded(PrepareSettings(splits="folds"))["splits"] == "folds"


def test_a_unit_depends_on_how_faces_are_found_cropped_and_coded_only() -> None:
    assert of_a_unit(PrepareSettings()).keys() == {"detector", "crop", "codec", "shard_images"}
    other = PrepareSettings(store="hdf5", folds=3, seed=7, splits="folds", workers=2, executor="ray")
    assert of_a_unit(other) == of_a_unit(PrepareSettings())


def test_options_are_recorded_without_paths() -> None:
    class Options(Config):
        identity: str = "image"
        ages: Path | None = None

    assert recorded_options(Options(ages=Path("/here/ages.csv"))) == {"identity": "image"}
