"""What every metric promises, whichever file it is in."""

import inspect
from importlib import import_module
from typing import Literal, get_args, get_origin

import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.metrics.moments import Moments, empty, merge, update

METRICS = ("ccc", "mae", "pcc", "rmse", "sagr")


def function(name):
    return getattr(import_module(f"elimctl.metrics.{name}"), name)


def knobs(name):
    return list(inspect.signature(function(name), eval_str=True).parameters.values())[1:]


def every_form():
    """Each metric with each value of each of its knobs."""
    for name in METRICS:
        yield pytest.param(name, {}, id=name)
        for knob in knobs(name):
            for value in get_args(knob.annotation):
                yield pytest.param(name, {knob.name: value}, id=f"{name}-{knob.name}={value}")


FORMS = list(every_form())


def batch(seed, count=20):
    rng = np.random.default_rng(seed)
    target = rng.uniform(-1, 1, (count, 2))
    return target + rng.normal(0, 0.3, target.shape), target


@pytest.mark.parametrize("name", METRICS)
def test_it_takes_moments_and_knobs_that_name_their_choices(name):
    first = next(iter(inspect.signature(function(name)).parameters.values()))
    assert first.annotation is Moments
    for knob in knobs(name):
        assert knob.kind is inspect.Parameter.KEYWORD_ONLY
        assert get_origin(knob.annotation) is Literal
        assert knob.default in get_args(knob.annotation)


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_it_gives_a_finite_float64_for_each_axis(name, options):
    for preds, target in [batch(0), batch(1, count=1), (np.zeros((4, 2)), np.zeros((4, 2)))]:
        found = function(name)(update(empty(), preds, target), **options)
        assert found.shape == (2,)
        assert found.dtype == np.float64
        assert np.isfinite(found).all()


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_the_two_axes_do_not_touch_each_other(name, options):
    preds, target = batch(0)
    straight = function(name)(update(empty(), preds, target), **options)
    swapped = function(name)(update(empty(), preds[:, ::-1], target[:, ::-1]), **options)
    # one sum may run in another memory order
    np.testing.assert_allclose(straight, swapped[::-1], rtol=1e-14)


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_it_does_not_depend_on_which_part_comes_first(name, options):
    first, second = update(empty(), *batch(0)), update(empty(), *batch(1, count=7))
    # sums of 27 terms in another order
    np.testing.assert_allclose(
        function(name)(merge(first, second), **options),
        function(name)(merge(second, first), **options),
        rtol=1e-13,
    )


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_no_sample_is_an_error(name, options):
    with pytest.raises(DataError, match="no sample"):
        function(name)(empty(), **options)
