import numpy as np
import pytest

from elimctl.manifest import balance
from elimctl.manifest.audit import kept_rows


def test_labels_tell_range_and_rounding(make_table):
    table = make_table(valence=[-0.5, 0.0, 0.3, None], arousal=[0.1, 0.1, 0.1, 0.1])
    found = balance.labels(table)
    valence, arousal = found["valence"], found["arousal"]
    assert (valence["count"], valence["missing"], valence["outside"]) == (3, 1, 0)
    assert valence["min"], valence["max"] == pytest.approx((-0.5, 0.3))
    assert valence["step"] == 0.1
    assert not valence["constant"]
    assert arousal["constant"]


def test_labels_beyond_one_or_not_finite_are_outside(make_table):
    table = make_table(valence=[-5.0, float("nan"), float("inf"), 1.0], arousal=[None] * 4)
    found = balance.labels(table)["valence"]
    assert found["outside"] == 3
    assert (found["min"], found["max"]) == (1.0, 1.0)
    assert not found["constant"]


@pytest.mark.parametrize(
    ("values", "step"),
    [([0.0, 1.0, -1.0], 1.0), ([0.5, 0.25], 0.05), ([0.001, 0.002], 0.001), ([0.12345, 0.5], None)],
)
def test_the_coarsest_step_is_told(make_table, values, step):
    assert balance.labels(make_table(valence=values))["valence"]["step"] == step


def test_a_table_without_labels_has_no_range(make_table):
    found = balance.labels(make_table(row=[0, 1]))["arousal"]
    assert (found["count"], found["missing"], found["min"], found["step"]) == (0, 2, None, None)


def test_classes_come_most_frequent_first(make_table):
    table = make_table(expression=["anger", "fear", "anger", None, "happiness"])
    assert list(balance.classes(table).items()) == [("anger", 2), ("fear", 1), ("happiness", 1)]


def test_identities_of_one_row_are_few(make_table):
    table = make_table(identity=["a", "a", "a", "b"], status=["kept"] * 4)
    assert balance.identities(table) == {
        "count": 2,
        "median": 2.0,
        "largest": 3,
        "largest_share": 0.75,
        "few": 1,
    }
    assert balance.identities(table.slice(0, 0))["count"] == 0


def test_two_rows_are_enough_for_an_identity_to_be_matched(make_table):
    table = make_table(identity=["a", "a", "b", "c", "c"], status=["kept"] * 5)
    assert balance.identities(table)["few"] == 1


def test_clips_without_a_kept_row_are_named(make_table):
    clips = ["a", "a", "b", *(f"c{number:02d}" for number in range(20))]
    status = ["kept", "dropped", "dropped"] + ["dropped"] * 20
    table = make_table(clip=clips, status=status)
    found = balance.clips(table)
    assert (found["count"], found["empty"]) == (22, 21)
    assert found["examples"] == ["b", *(f"c{number:02d}" for number in range(9))]
    assert kept_rows(table).num_rows == 1


def test_every_number_is_one_of_json(make_table):
    import json

    table = make_table(valence=list(np.linspace(-1, 1, 5)), identity=list("aabbc"))
    json.dumps([balance.labels(table), balance.identities(table), balance.clips(table)])
