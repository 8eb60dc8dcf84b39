import numpy as np
import pytest

from elimctl.manifest import audit
from elimctl.manifest.near import Pairs

FOLDS = [0, 0, 1, 1, 2, 2]


def leak_of(table, name):
    kept = audit.kept_rows(table)
    [(between, parts)] = audit.partitions(kept).items()
    return audit.shared_names(kept, name, parts, between=between)


def test_nothing_leaks_where_names_stay_in_their_fold(make_table):
    table = make_table(fold=FOLDS, identity=list("aabbcc"), clip=list("xxyyzz"), actor=list("ppqqrr"))
    for name in audit.NAMES:
        leak = leak_of(table, name)
        assert (leak.kind, leak.between, leak.count, leak.rows) == (name, "fold", 0, 0)


def test_an_actor_in_two_folds_leaks_though_every_identity_is_in_one(make_table):
    table = make_table(fold=FOLDS, identity=list("aabbcc"), actor=["p", "p", "p", "q", "q", None])
    assert leak_of(table, "identity").count == 0
    leak = leak_of(table, "actor")
    assert (leak.count, leak.rows) == (2, 5)
    assert leak.examples == ["p", "q"]


def test_dropped_rows_leak_nothing(make_table):
    table = make_table(
        fold=FOLDS, identity=list("aaabbb"), status=["kept", "kept", "dropped", "dropped", "kept", "kept"]
    )
    assert leak_of(table, "identity").count == 0


def test_official_splits_count_in_the_place_of_folds(make_table):
    table = make_table(
        fold=FOLDS, identity=list("abcabc"), split=["train", "train", "train", "train", None, None]
    )
    assert audit.partitions(audit.kept_rows(table)) == {}
    table = make_table(fold=FOLDS, identity=list("abcabc"), split=["train"] * 3 + ["val"] * 2 + [None])
    leak = leak_of(table, "identity")
    assert (leak.between, leak.count, leak.rows) == ("split", 2, 4)  # c is in no other split


def test_age_groups_are_no_people(make_table):
    table = make_table(
        split=["train", "val"] * 2,
        identity=["18-29", "18-29", "none", "none"],
        age_group=["18-29", "18-29", None, None],
    )
    assert leak_of(table, "identity") is None


def test_rows_in_no_group_share_no_identity(make_table):
    table = make_table(fold=[0, 1], identity=["none", "none"])
    assert leak_of(table, "identity").count == 0


def test_a_column_without_names_is_not_compared(make_table):
    assert leak_of(make_table(fold=[0, 1]), "actor") is None


def test_equal_crops_in_two_folds_are_found(make_table):
    table = make_table(fold=FOLDS, image_sha256=["1", "2", "2", "3", "1", None], clip=list("abcdef"))
    kept = audit.kept_rows(table)
    leak = audit.same_crops(kept, np.array(FOLDS), between="fold")
    assert (leak.kind, leak.count, leak.rows) == ("same crop", 2, 4)
    assert sorted(example["rows"] for example in leak.examples) == [[0, 4], [1, 2]]


def test_equal_crops_of_one_fold_are_no_leak(make_table):
    table = make_table(fold=[0, 0, 1], image_sha256=["1", "1", "2"])
    assert audit.same_crops(table, np.array([0, 0, 1]), between="fold").count == 0


def boxes(*lefts):
    """Boxes of 10 px at some places from the left."""
    return {
        "x0": list(lefts),
        "y0": [0.0] * len(lefts),
        "x1": [None if left is None else left + 10 for left in lefts],
        "y1": [10.0] * len(lefts),
    }


@pytest.mark.parametrize(
    ("given", "count"),
    [
        ({"source_sha256": ["1", "1"], **boxes(0.0, 2.0)}, 1),
        ({"source_sha256": ["1", "1"], **boxes(0.0, 20.0)}, 0),  # another face of the same image
        ({"source_sha256": ["1", "1"]}, 1),
        ({"source_sha256": ["1", "2"], **boxes(0.0, 0.0)}, 0),
        ({"source_sha256": ["1", "1"], "video_frame": [3, 3], **boxes(0.0, 0.0)}, 1),
        ({"source_sha256": ["1", "1"], "video_frame": [3, 4], **boxes(0.0, 0.0)}, 0),
        ({"source_sha256": [None, None]}, 0),
    ],
)
def test_a_face_of_one_raw_image_in_two_folds_is_found(make_table, given, count):
    table = make_table(fold=[0, 1], **given)
    assert audit.same_sources(table, np.array([0, 1]), between="fold").count == count


def test_the_pairs_most_alike_are_the_examples(make_table):
    table = make_table(row=list(range(50)), clip=[f"c{number}" for number in range(50)])
    found = [
        Pairs(np.arange(0, 20), np.arange(20, 40), np.linspace(0.5, 0.9, 20)),
        Pairs(np.array([40]), np.array([41]), np.array([0.99])),
    ]
    knobs = {"places": np.arange(50), "sizes": np.full(50, 2)}
    leak = audit.from_pairs(table, "face", "fold", found, highest_first=True, **knobs)
    assert (leak.count, leak.rows, len(leak.examples)) == (21, 84, audit.EXAMPLES)
    assert leak.examples[0] == {"rows": [40, 41], "clips": ["c40", "c41"], "likeness": 0.99}
    lowest = audit.from_pairs(table, "image", "fold", found, highest_first=False, **knobs)
    assert lowest.examples[0]["rows"] == [0, 20]


def test_codes_are_equal_for_equal_values(make_table):
    table = make_table(actor=["b", None, "a", "b"])
    found = audit.codes(table["actor"])
    assert found[0] == found[3] != found[2]
    assert found[1] == -1
    assert audit.codes(table["actor"].filter([False] * 4)).tolist() == []
