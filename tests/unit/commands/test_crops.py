"""How crops were made, and how they differ from those of training."""

import json
from types import SimpleNamespace

import pytest

from elimctl.commands import crops
from elimctl.manifest import parquet

MADE = {
    "size_px": 72,
    "faces": "centerface",
    "detector": "a" * 64,
    "min_score": 0.4,
    "longer_side_px": 512,
    "align": "box",
    "margin": 0.05,
}


def other(**given):
    return {key: value for key, value in {**MADE, **given}.items() if value is not None}


@pytest.mark.parametrize(
    ("shown", "wanted"),
    [
        ({}, []),
        ({"size_px": 256}, []),  # the same faces, seen alike
        ({"margin": 0.3}, ["margin 0.3 here, 0.05 in training"]),
        ({"size_px": 56}, ["crops of 56 px here, enlarged to 72 px of training"]),
        ({"detector": "b" * 64}, ["version of the detector bbbbbbbbbbbb here, aaaaaaaaaaaa in training"]),
        ({"min_score": 0.9}, ["lowest score of a face 0.9 here, 0.4 in training"]),
        # another detector has other weights and settings: one difference, not four
        (
            {"faces": "scrfd", "detector": "b" * 64, "longer_side_px": 640},
            ["faces from scrfd here, centerface in training"],
        ),
        (
            {"align": "points", "margin": None, "room": 0.125},
            ["alignment by points here, box in training"],
        ),
    ],
)
def test_what_crops_show_otherwise_is_said_and_nothing_else(shown, wanted):
    assert crops.differences(MADE, other(**shown)) == wanted


def test_crops_that_the_dataset_came_with_have_no_margin_and_no_detector():
    whole = {"size_px": 72, "faces": "crops of aff-wild2"}
    assert crops.differences(whole, MADE) == [
        "faces from centerface here, crops of aff-wild2 in training",
        "alignment by box here, none in training",
    ]
    assert crops.differences(whole, whole) == []


def test_what_is_unknown_is_called_so():
    assert crops.differences(None, MADE) == ["the run does not record how the training crops were made"]


@pytest.fixture
def folder(prepared, patterns):
    """A function that prepares four images, with so many faces sought in each."""

    def prepare(faces, **settings):
        made = prepared(patterns([0, 0, 1, 1]), faces=faces)
        file = made / "prepare.json"
        record = json.loads(file.read_text())
        record["settings"] |= settings
        file.write_text(json.dumps(record | {"detector": "f" * 64}))
        return made

    return prepare


def test_the_recipe_of_a_dataset_is_that_of_its_detector_and_store(folder):
    made = folder([1, 2, 1, 1], detector={"name": "centerface", "min_score": 0.4, "longer_side_px": 512})
    assert crops.recipe(made) == other(size_px=64, detector="f" * 64)


def test_annotated_faces_are_those_of_a_dataset(folder):
    made = folder([1, 1, 1, 1], detector={"name": "annotation", "min_score": 0.4, "longer_side_px": 512})
    assert crops.recipe(made) == {
        "size_px": 64, "faces": "annotation of patterns", "detector": "f" * 64, "align": "box", "margin": 0.05
    }  # fmt: skip


def test_of_crops_that_were_taken_whole_no_margin_is_said(folder):
    made = folder([None] * 4, detector={"name": "centerface", "min_score": 0.4})
    assert crops.recipe(made) == {"size_px": 64, "faces": "crops of patterns"}


def test_some_images_may_be_crops_and_others_not(folder):
    made = folder([1, None, 1, None], detector={"name": "centerface"})
    assert crops.recipe(made)["faces"] == "centerface and crops of patterns"


def run_of(folder, **facts):
    config = SimpleNamespace(data=SimpleNamespace(name="patterns"), model=SimpleNamespace(image_px=32))
    return SimpleNamespace(
        folder=folder.parents[1] / "runs" / "one", config=lambda: config, facts=lambda: facts
    )


def test_a_run_that_did_not_record_its_crops_has_those_of_its_dataset(folder):
    made = folder([1, 1, 1, 1], detector={"name": "centerface"})
    run = run_of(made, manifest=parquet.digest(made / parquet.NAME))
    assert crops.recipe_of_run(run)["size_px"] == 64
    assert crops.view_of_run(run).stored_px == 64


def test_where_that_dataset_was_prepared_anew_or_is_gone_nothing_is_known(folder, tmp_path):
    made = folder([1, 1, 1, 1])
    assert crops.recipe_of_run(run_of(made, manifest="0" * 64)) is None
    gone = run_of(tmp_path / "elsewhere" / "data" / "patterns", manifest="0" * 64)
    assert crops.recipe_of_run(gone) is None
    assert crops.view_of_run(gone).stored_px is None


def test_what_a_run_recorded_counts_before_its_dataset(folder):
    made = folder([1, 1, 1, 1])
    run = run_of(made, manifest=parquet.digest(made / parquet.NAME), crop=MADE)
    assert crops.view_of_run(run).stored_px == 72
