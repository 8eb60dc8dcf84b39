"""What every metric of the table promises."""

from typing import get_args

import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.metrics.moments import empty, merge, update
from elimctl.metrics.score import MetricOptions, values_of
from elimctl.metrics.sums import TERMS, axis_scores, scores_of, slopes_of, sums
from elimctl.metrics.table import METRICS, TABLE
from elimctl.metrics.table import slopes_of as of_metric

OPTIONS = [MetricOptions()] + [
    MetricOptions(**{name: value})
    for name, field in MetricOptions.model_fields.items()
    for value in get_args(field.annotation)[1:]
]
FORMS = [
    pytest.param(name, options, id=f"{name}-{'-'.join(options.model_dump().values())}")
    for name in METRICS
    for options in OPTIONS
]


def batch(seed, count=20):
    rng = np.random.default_rng(seed)
    target = rng.uniform(-1, 1, (count, 2))
    return target + rng.normal(0, 0.3, target.shape), target


def value(name, moments, options):
    return values_of(moments, options)[name]


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_it_gives_a_finite_float64_for_each_axis(name, options):
    for preds, target in [batch(0), batch(1, count=1), (np.zeros((4, 2)), np.zeros((4, 2)))]:
        found = value(name, update(empty(), preds, target), options)
        assert found.shape == (2,)
        assert found.dtype == np.float64
        assert np.isfinite(found).all()


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_the_two_axes_do_not_touch_each_other(name, options):
    preds, target = batch(0)
    straight = value(name, update(empty(), preds, target), options)
    swapped = value(name, update(empty(), preds[:, ::-1], target[:, ::-1]), options)
    # one sum may run in another memory order
    np.testing.assert_allclose(straight, swapped[::-1], rtol=1e-14)


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_it_does_not_depend_on_which_part_comes_first(name, options):
    first, second = update(empty(), *batch(0)), update(empty(), *batch(1, count=7))
    # sums of 27 terms in another order
    np.testing.assert_allclose(
        value(name, merge(first, second), options), value(name, merge(second, first), options), rtol=1e-13
    )


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_no_sample_is_an_error(name, options):
    with pytest.raises(DataError, match="no sample"):
        value(name, empty(), options)


@pytest.mark.parametrize("name", METRICS)
def test_its_values_lie_in_its_range(name):
    for seed in range(20):
        preds, target = batch(seed, count=3)
        found = scores_of(sums(preds, target, np.zeros(3, np.int64), groups=1))[0, METRICS.index(name)]
        assert (found >= TABLE[name].low).all()
        assert (found <= TABLE[name].high).all()


@pytest.mark.parametrize("name", METRICS)
def test_written_and_numerical_slopes_agree(name):
    from dataclasses import replace

    from elimctl.metrics.sums import statistics_of

    preds, target = batch(5, count=40)
    statistics = statistics_of(sums(preds + 0.2, target, np.arange(40) % 3, groups=3))
    numerical = of_metric(replace(TABLE[name], slopes=None), statistics)
    written = of_metric(TABLE[name], statistics)
    for term in TERMS:
        # central differences with steps of 1e-6
        np.testing.assert_allclose(
            written.get(term, np.zeros((3, 2))), numerical.get(term, np.zeros((3, 2))), rtol=1e-5, atol=1e-7
        )


def test_slopes_tell_how_scores_change_with_the_sums():
    preds, target = batch(6, count=50)
    added = sums(preds, target, np.zeros(50, np.int64), groups=1)
    slopes = slopes_of(added)
    for term in range(len(TERMS)):
        step = np.zeros_like(added)
        step[:, term] = 1e-6
        change = (axis_scores(added + step) - axis_scores(added - step)) / 2e-6
        # central differences, an error of 1e-6 in each
        np.testing.assert_allclose(slopes[:, :, term], change, rtol=1e-4, atol=1e-6)
