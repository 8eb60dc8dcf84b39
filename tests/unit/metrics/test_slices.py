import json
from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
import pytest

from elimctl.metrics import slices as slicing
from elimctl.metrics.binning import parts
from elimctl.metrics.class_intervals import class_intervals
from elimctl.metrics.classes import confusions
from elimctl.metrics.detail import Resampling
from elimctl.metrics.intervals import intervals
from elimctl.metrics.moments import empty, update
from elimctl.metrics.score import MetricOptions, values_of
from elimctl.metrics.slices import slices
from elimctl.metrics.sums import sums
from elimctl.metrics.table import METRICS
from elimctl.predict.table import read


def ccc(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["ccc"]


def sagr(moments, /, **forms):
    return values_of(moments, MetricOptions(**forms))["sagr"]


QUICK = Resampling(resamples=200)
CCC = METRICS.index("ccc")


def cut(table, values, column="gender", **options):
    found = slices(table, parts(pa.chunked_array([pa.array(values)]), column), column, QUICK, **options)
    json.dumps(asdict(found), allow_nan=False)  # no NaN, and nothing that JSON does not know
    return found


@pytest.fixture
def table(save):
    return read(save())


@pytest.fixture
def gender(table):
    """Of identities in turn: female, male, not known."""
    return np.array(["female", "male", None], object)[table.identities.code % 3].tolist()


def test_a_slice_is_scored_as_if_it_were_the_split(table, gender):
    found = cut(table, gender)
    assert [part.name for part in found.slices] == ["female", "male", "unknown"]
    for part in found.slices:
        own = np.array([(name or "unknown") == part.name for name in gender])
        assert (part.count, part.identities) == (own.sum(), 4)
        wanted = ccc(update(empty(), table.preds[own], table.target[own]))
        scored = [part.scores[axis]["ccc"] for axis in ("valence", "arousal")]
        np.testing.assert_allclose(scored, wanted, rtol=1e-12)  # float64 sums in another order
        assert part.undefined == []


def test_the_intervals_of_a_slice_draw_its_own_identities(save):
    table = read(save(identities=24))
    kind = np.where(table.identities.code < 14, "a", "b")
    first = cut(table, kind.tolist()).slices[0]
    own = kind == "a"
    added = sums(table.preds[own], table.target[own], table.identities.code[own], groups=14)
    wanted = intervals(added, resamples=200)[:, CCC, 2]
    assert first.intervals["mean"]["ccc"] == pytest.approx(wanted.tolist(), rel=1e-9)


def test_a_slice_of_few_identities_has_scores_and_no_interval(table, gender):
    assert cut(table, gender).slices[0].intervals["mean"]["ccc"] is None


def test_the_gap_is_between_the_known_slices_that_lie_furthest_apart(save):
    table = read(save(identities=24))
    kind = np.array(["a", "b", "c", None], object)[table.identities.code % 4]
    worse = np.where((kind == "b")[:, None], -table.preds, table.preds)  # b is predicted upside down
    hidden = np.where((kind == None)[:, None], -5 * table.preds, worse)  # noqa: E711
    found = cut(replace(table, preds=hidden), kind.tolist())
    by_name = {part.name: part.scores["mean"]["ccc"] for part in found.slices}
    gap = found.gaps["mean"]["ccc"]
    assert found.compared == ["a", "b", "c"]
    assert gap.smallest == "b"
    assert gap.gap == pytest.approx(by_name[gap.largest] - by_name["b"])
    assert 0 < gap.low < gap.gap < gap.high <= 2
    error = found.gaps["mean"]["mae"]
    assert error.largest == "b"  # where less is better the worst is the largest


def test_slices_of_one_identity_each_have_a_gap_without_an_interval(save):
    table = read(save(frames=20))
    found = cut(table, table.identity.tolist(), "identity")
    gap = found.gaps["mean"]["ccc"]
    assert len(found.compared) == 12
    assert gap.gap > 0
    assert gap.low is gap.high is None


def test_many_slices_of_one_identity_each_take_no_room_for_all_pairs(save, monkeypatch):
    """Sums of every identity in every slice would be 300 x 300."""
    table, seen = read(save(identities=300, frames=2)), []
    plain = slicing.widest
    monkeypatch.setattr(
        slicing, "widest", lambda columns, *a, **k: seen.append(columns) or plain(columns, *a, **k)
    )
    gap = cut(table, table.identity.tolist(), "identity", enough=4).gaps["mean"]["rmse"]
    assert seen[0].shape == (300, 1, 22)
    assert gap.gap > 0


def test_slices_with_too_few_samples_are_not_compared(table, gender):
    found = cut(table, gender, enough=41)
    assert found.compared == []
    assert found.gaps["mean"]["ccc"] is None
    assert cut(table, gender, enough=40).gaps["mean"]["ccc"] is not None


def test_slices_of_constant_labels_have_no_ccc_to_compare(save):
    table = read(save(identities=24))
    kind = np.array(["a", "b", "c"])[table.identities.code % 3]
    target = np.where((kind == "c")[:, None], [0.5, np.nan], table.target)
    target[:, 1] = table.target[:, 1]
    found = cut(replace(table, target=target), kind.tolist(), "expression")
    c = found.slices[2]
    assert c.scores["valence"]["ccc"] == 0
    assert c.undefined == ["valence.pcc", "mean.pcc"]
    assert c.intervals["valence"]["pcc"] is None
    for axis in ("valence", "mean"):
        for metric in ("pcc", "ccc"):
            gap = found.gaps[axis][metric]
            assert {gap.largest, gap.smallest} == {"a", "b"}
    assert "c" in {found.gaps["valence"]["rmse"].largest, found.gaps["valence"]["rmse"].smallest}


@pytest.mark.parametrize("zero", ["equal", "skip", "never"])
def test_signs_are_compared_as_the_split_was_scored(save, zero):
    table = read(save(metrics={"sagr_zero": zero}))
    table.target[::3] = 0
    found = cut(table, ["female"] * len(table))
    wanted = sagr(update(empty(), table.preds, table.target), sagr_zero=zero)
    scored = [found.slices[0].scores[axis]["sagr"] for axis in ("valence", "arousal")]
    assert scored == pytest.approx(wanted.tolist())
    assert found.forms["sagr_zero"] == zero
    assert found.remark is None


def test_other_forms_than_those_of_the_split_are_named(save):
    metrics = {"rmse": "batch_mean", "sagr_zero": "skip", "moments": "reference"}
    table = read(save(metrics=metrics))
    found = cut(table, ["female"] * len(table))
    assert found.forms == {"rmse": "global", "sagr_zero": "skip", "moments": "population"}
    assert found.remark == (
        "in other forms than the scores of the split: rmse global, not batch_mean; "
        "moments population, not reference"
    )


def test_one_slice_has_no_gap(table):
    found = cut(table, ["female"] * len(table))
    assert found.gaps["valence"]["rmse"] is None
    assert [part.name for part in found.slices] == ["female"]


def test_classes_are_sliced_by_their_rates(save_classes):
    table = read(save_classes(identities=30))
    kind = np.where(table.identities.code % 2, "odd", "even")
    found = cut(table, kind.tolist())
    even, odd = found.slices
    own = kind == "even"
    assert even.scores["accuracy"] == pytest.approx((table.preds == table.target)[own].mean())
    counted = confusions(
        table.target[own], table.preds[own], table.identities.code[own], groups=30, classes=3
    )
    wanted = class_intervals(counted[::2], resamples=200)[:, 0]
    assert even.intervals["accuracy"] == pytest.approx(wanted.tolist())
    gap = found.gaps["accuracy"]
    assert gap.gap == pytest.approx(abs(even.scores["accuracy"] - odd.scores["accuracy"]))
    assert gap.low < gap.gap < gap.high
