"""Identities by face and by age, with stand-ins for the models."""

import json

import numpy as np
import pytest

from elimctl.commands.identities import cluster_identities, estimate_ages
from elimctl.errors import DataError, Notice
from elimctl.manifest import parquet, splits
from elimctl.store.images import open_images

# insightface's own imports use calls that their packages deprecate
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

PEOPLE = [3, 1, 0, 1, 0, 3, 0, 2, 1, 2]


@pytest.fixture
def faces(prepared, patterns):
    """10 images of 4 people in an order of no meaning, each image its own identity."""
    return prepared(patterns(PEOPLE))


def column(folder, name):
    return parquet.read(folder)[name].to_pylist()


def people(folder):
    """Whose image each row is, by its name."""
    return [PEOPLE[int(path.partition(".")[0])] for path in column(folder, "path")]


def test_images_are_grouped_by_face(faces, packs):
    report = cluster_identities(faces, models=packs, threshold=0.5, device="cpu")
    assert report.identities == 4
    assert report.sizes == {2: 2, 3: 2}
    assert (report.single, report.largest, report.median) == (0, 3, 2.5)
    assert report.silhouette > 0.5
    pairs = set(zip(column(faces, "identity"), people(faces), strict=True))
    # numbered by the first image of the manifest as it was
    assert pairs == {("cluster-1", 3), ("cluster-2", 1), ("cluster-3", 0), ("cluster-4", 2)}


def test_rows_are_sorted_numbered_and_dealt_anew(faces, packs):
    before = dict(zip(column(faces, "path"), open_images(faces).read(range(10)), strict=True))
    cluster_identities(faces, models=packs, threshold=0.5, device="cpu")
    table = parquet.read(faces)
    order = list(
        zip(*(table[name].to_pylist() for name in ("identity", "clip", "frame", "path")), strict=True)
    )
    assert order == sorted(order)
    assert table["row"].to_pylist() == list(range(10))
    identities = table["identity"].to_pylist()
    assert table["fold"].to_pylist() == splits.k_fold(identities, folds=2, seed=0).tolist()
    reader = open_images(faces)
    for row, path in enumerate(table["path"].to_pylist()):
        np.testing.assert_array_equal(reader.read([row])[0], before[path])


def test_the_record_tells_how_identities_were_found(faces, packs):
    report = cluster_identities(faces, models=packs, threshold=0.5, device="cpu")
    record = json.loads((faces / "prepare.json").read_text())
    noted = record["identities"]
    assert noted["mode"] == "cluster"
    assert noted["model"] == parquet.digest(packs / "buffalo_l" / "w600k_r50.onnx")
    assert noted["threshold"] == 0.5
    assert noted["sizes"] == {"2": 2, "3": 2}
    assert noted["silhouette"] == report.silhouette
    assert record["manifest_sha256"] == parquet.digest(faces / parquet.NAME)


def test_the_same_dataset_gives_the_same_bytes(faces, packs, tmp_path):
    import shutil

    shutil.copytree(faces, tmp_path / "copy")
    for folder in (faces, tmp_path / "copy"):
        cluster_identities(folder, models=packs, threshold=0.5, device="cpu")
    names = sorted(file.relative_to(faces) for file in faces.rglob("*") if file.is_file())
    assert names
    for name in names:
        assert (faces / name).read_bytes() == (tmp_path / "copy" / name).read_bytes(), name


def test_a_clip_keeps_together_and_takes_its_dropped_frames_along(prepared, patterns, packs):
    status = ["kept", "kept", "dropped", "kept", "dropped", "kept"]
    folder = prepared(
        patterns([0, 0, 0, 1, 1, 1]), clip=list("aaabcb"), frame=[0, 1, 2, 0, 0, 1], status=status
    )
    report = cluster_identities(folder, models=packs, threshold=0.5, device="cpu")
    assert report.identities == 2
    rows = set(zip(*(column(folder, name) for name in ("identity", "clip")), strict=True))
    assert rows == {("cluster-1", "a"), ("cluster-2", "b"), ("none", "c")}
    folds = zip(column(folder, "clip"), column(folder, "fold"), strict=True)
    assert {clip for clip, fold in folds if fold is None} == {"c"}


def test_people_in_two_official_splits_are_counted(prepared, patterns, packs):
    folder = prepared(patterns([0, 0, 1, 1]), folds=6, split=["train", "val", "train", "train"])
    report = cluster_identities(folder, models=packs, threshold=0.5, device="cpu")
    assert (report.identities, report.split) == (2, 1)
    assert column(folder, "fold") == [None] * 4  # too few for six folds


def test_too_few_people_for_the_folds_leave_the_dataset_as_it_was(prepared, patterns, packs):
    folder = prepared(patterns([0, 0, 1, 1]), folds=6)
    before = {file: file.read_bytes() for file in folder.glob("*.*") if file.is_file()}
    with pytest.raises(DataError, match="2 identities cannot fill 6 folds"):
        cluster_identities(folder, models=packs, threshold=0.5, device="cpu")
    assert {file: file.read_bytes() for file in folder.glob("*.*") if file.is_file()} == before


def test_a_dataset_of_one_person_is_all_test_and_a_notice_tells(prepared, patterns, packs):
    folder = prepared(patterns([0, 0, 0]), folds=6)
    with pytest.warns(Notice, match="1 identity cannot be split into folds: all 3 rows are `test`"):
        assert cluster_identities(folder, models=packs, threshold=0.5, device="cpu").identities == 1
    assert (column(folder, "split"), column(folder, "fold")) == (["test"] * 3, [None] * 3)


def test_one_fold_leaves_splits_as_they_are(prepared, patterns, packs):
    folder = prepared(patterns([0, 0, 1, 1]), folds=1, split=["test"] * 4)
    cluster_identities(folder, models=packs, threshold=0.5, device="cpu")
    assert (column(folder, "split"), column(folder, "fold")) == (["test"] * 4, [None] * 4)


def test_ages_are_estimated_and_grouped(prepared, packs):
    years = [20, 25, 35, 70, 5, 45, 45]
    images = np.stack([np.full((64, 64, 3), round(2.55 * age), np.uint8) for age in years])
    folder = prepared(images, status=["kept"] * 6 + ["dropped"])
    report = estimate_ages(folder, models=packs, device="cpu")
    assert report.groups == {"18-29": 2, "30-39": 1, "40-49": 1, "60-84": 1}
    assert report.outside == 1
    assert (report.min, report.median, report.max) == pytest.approx((5, 30, 70), abs=0.2)  # levels of gray
    table = parquet.read(folder)
    assert table["identity"].to_pylist() == ["18-29", "18-29", "30-39", "40-49", "60-84", "none", "none"]
    assert table["age_group"].to_pylist() == ["18-29", "18-29", "30-39", "40-49", "60-84", None, None]
    assert table["age"][0].as_py() == pytest.approx(20, abs=0.2)
    assert table["age"].to_pylist()[-1] is None
    assert json.loads((folder / "prepare.json").read_text())["identities"]["mode"] == "age-group"


def test_ages_go_into_the_bins_that_are_asked_for(prepared, packs):
    images = np.stack([np.full((64, 64, 3), level, np.uint8) for level in (50, 100, 150, 200)])
    report = estimate_ages(prepared(images), models=packs, bins=(0, 50, 100), device="cpu")
    assert report.groups == {"0-49": 2, "50-99": 2}
