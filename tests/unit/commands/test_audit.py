"""The audit of prepared datasets: what leaks is found, what does not is passed."""

import json

import numpy as np
import pytest

from elimctl.commands import features as stage
from elimctl.commands.audit import audit_dataset, to_values
from elimctl.faces.embed import ARCFACE

# insightface's own imports use calls that their packages deprecate
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

PEOPLE = [0, 0, 1, 1, 2, 2, 3, 3]
CLEAN = {
    "identity": [f"p{person}" for person in PEOPLE],
    "fold": [0, 0, 0, 0, 1, 1, 1, 1],
    "valence": [0.1 * number for number in range(8)],
    "arousal": [0.0] * 8,
}


def counts(found):
    return {leak.kind: leak.count for leak in found.leaks}


def test_a_clean_dataset_leaks_nothing(prepared, patterns, packs):
    folder = prepared(patterns(PEOPLE), **CLEAN)
    stage.extract(folder, stage.face_model(folder, ARCFACE, models=packs, device="cpu"))
    found = audit_dataset(folder)
    assert not found.leaking
    assert set(counts(found)) == {
        "identity",
        "clip",
        "same crop",
        "same raw image",
        "near-duplicate image",
        "face",
    }
    assert found.skipped == {"actor": "not known"}
    assert (found.rows, found.kept, found.identities["count"]) == (8, 8, 4)
    assert found.labels["arousal"]["constant"]


def test_everything_that_leaks_is_told(prepared, patterns, packs):
    images = patterns(PEOPLE)
    images[6] = images[0]  # to the last bit
    images[7] = np.minimum(images[2], 250) + np.uint8(5)  # a little brighter
    folder = prepared(
        images,
        **CLEAN | {"identity": [f"p{person}" for person in [0, 0, 1, 1, 2, 2, 0, 3]]},
        actor=["x", "x", "y", "y", "y", None, None, None],
        clip=[f"c{number}" for number in [0, 1, 2, 3, 4, 4, 4, 0]],
        frame=list(range(8)),
        source_sha256=["s", *"abcdef", "s"],
    )
    stage.extract(folder, stage.face_model(folder, ARCFACE, models=packs, device="cpu"))
    found = audit_dataset(folder, face_threshold=0.9)
    assert found.leaking
    leaks = {leak.kind: leak for leak in found.leaks}
    assert leaks["identity"].examples == ["p0"]
    assert leaks["actor"].examples == ["y"]
    assert leaks["clip"].examples == ["c0"]
    assert leaks["same crop"].examples[0]["rows"] == [0, 6]
    assert leaks["same raw image"].examples[0]["rows"] == [0, 7]
    near = [example["rows"] for example in leaks["near-duplicate image"].examples]
    assert near[0] == [0, 6]
    assert [2, 7] in near
    assert leaks["face"].count > 0


def test_the_same_person_under_two_names_is_found_by_face(prepared, patterns, packs):
    """Row 6 and 7 show person 0 again: nothing else tells."""
    folder = prepared(patterns([0, 0, 1, 1, 2, 2, 0, 0]), **CLEAN, clip=list("aabbccdd"), frame=[0, 1] * 4)
    stage.extract(folder, stage.face_model(folder, ARCFACE, models=packs, device="cpu"))
    found = audit_dataset(folder, images=False)
    faces = next(leak for leak in found.leaks if leak.kind == "face")
    assert (faces.count, faces.rows) == (1, 4)
    assert faces.examples[0]["clips"] == ["a", "d"]
    assert faces.examples[0]["likeness"] > 0.9
    assert {kind for kind, count in counts(found).items() if count} == {"face"}


def test_stale_features_do_not_count(prepared, patterns, packs, change):
    folder = prepared(patterns(PEOPLE), **CLEAN)
    stage.extract(folder, stage.face_model(folder, ARCFACE, models=packs, device="cpu"))
    change(folder, crop_points=[[1.0] * 10] * 8)
    assert "elimctl features extract" in audit_dataset(folder).skipped["face"]


def test_the_json_is_what_the_audit_says_and_is_written_beside_the_dataset(prepared, patterns, tmp_path):
    folder = prepared(patterns(PEOPLE), **CLEAN)
    found = audit_dataset(folder)
    written = json.loads((folder / "audit.json").read_text())
    assert written == json.loads(json.dumps(to_values(found)))
    assert written["leaking"] is False
    other = tmp_path / "below" / "mine.json"
    audit_dataset(folder, out=other)
    assert other.read_bytes() == (folder / "audit.json").read_bytes()


def test_without_splits_there_is_nothing_to_leak_between(prepared, patterns):
    found = audit_dataset(prepared(patterns(PEOPLE)))
    assert found.leaks == []
    assert "one split and no folds" in found.skipped["leaks"]


def test_rows_in_no_split_take_no_part(prepared, patterns):
    images = patterns(PEOPLE)
    images[7] = images[0]
    split = ["train"] * 4 + ["val"] * 3 + [None]
    found = audit_dataset(prepared(images, **CLEAN, split=split))
    assert {leak.between for leak in found.leaks} == {"split"}
    assert not found.leaking
