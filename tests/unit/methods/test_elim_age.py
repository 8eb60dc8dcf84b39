from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from elimctl.datasets.ages import group
from elimctl.errors import ConfigError
from elimctl.loader.groups import PADDING
from elimctl.methods import elim, elim_age
from elimctl.methods.elim_age import Config, age_groups


def build(backbone, **settings):
    return elim_age.build(Config(**settings), backbone())


def grouped(ages, **settings):
    """Groups of ages, each as a list of positions."""
    found = age_groups(np.array(ages, np.float32), Config(**settings), seed=0)
    return [[position for position in row if position != PADDING] for row in found.tolist()]


def aged(batch, ages):
    return replace(batch, age=torch.tensor(ages, dtype=torch.float32))


def test_groups_hold_their_lower_end_and_not_their_upper_one():
    ages = [18, 29.9, 30, 39.9, 40, 49, 50, 59, 60, 84.9]
    assert grouped(ages, samples_per_identity=2) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]


def test_who_is_too_young_too_old_or_of_no_known_age_is_in_no_group():
    ages = [20, 17.9, 20, float("nan"), 35, 85, 35, 0, 20]
    assert grouped(ages, samples_per_identity=2) == [[0, 2, 8], [4, 6]]


@given(ages=st.lists(st.floats(0, 100, width=32) | st.just(float("nan")), max_size=40))
def test_groups_are_those_that_prepare_names(ages):
    names = [group(age) for age in ages]
    wanted = [[place for place, name in enumerate(names) if name == one] for one in sorted({*names} - {None})]
    wanted = [members for members in wanted if len(members) >= 2]
    assert grouped(ages, samples_per_identity=2) == (wanted if len(wanted) >= 2 else [])


def test_a_group_for_the_youngest_leaves_out_ages_that_are_missing():
    ages = [0, 5, 17, 20, 0, 20]
    assert grouped(ages, samples_per_identity=2, youngest=True) == [[1, 2], [3, 5]]
    assert grouped(ages, samples_per_identity=2, youngest=True, missing_age_value=-1) == [
        [0, 1, 2, 4],
        [3, 5],
    ]
    assert grouped(ages, samples_per_identity=2) == []
    assert (
        grouped([5, 5, 17, 17, 99], samples_per_identity=2, boundaries=(0, 10, 18), missing_age_value=17)
        == []
    )


def test_a_group_takes_part_if_it_has_as_many_samples_as_are_drawn():
    ages = [20] * 10 + [35] * 9 + [45] * 11
    assert list(map(len, grouped(ages))) == [10, 11]
    assert list(map(len, grouped(ages, samples_per_identity=9))) == [10, 9, 11]


def test_it_is_elim_on_groups_of_ages(backbone, batch):
    drawn = batch()
    ages = torch.tensor([20.0, 33.0, 47.0, 99.0])[drawn.identity]
    kept = drawn.identity[drawn.groups[:, 0]] < 3
    found = build(backbone, samples_per_identity=3).losses(replace(drawn, age=ages))
    wanted = elim.build(elim.Config(samples_per_identity=3), backbone()).losses(
        replace(drawn, groups=drawn.groups[kept])
    )
    assert found["main"] > 0
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_the_groups_of_the_batch_are_not_looked_at(backbone, batch):
    model = build(backbone, samples_per_identity=3)
    drawn = aged(batch(), [20, 33] * 12)
    alone = replace(drawn, groups=torch.empty(0, 0, dtype=torch.int64))
    assert torch.equal(model.losses(drawn)["main"], model.losses(alone)["main"])


@pytest.mark.parametrize(("ages", "updates"), [([20, 33] * 12, 2), ([20] * 24, 1), ([float("nan")] * 24, 1)])
def test_alternate_updates_go_by_ages(backbone, batch, ages, updates):
    model, drawn = build(backbone, samples_per_identity=3, update="alternate"), aged(batch(), ages)
    assert model.updates(drawn) == updates
    assert build(backbone).updates(drawn) == 1


@pytest.mark.parametrize("ages", [[20] * 24, [float("nan")] * 24, [99] * 24])
def test_with_fewer_than_two_groups_there_is_nothing_to_match(backbone, batch, ages):
    losses = build(backbone).losses(aged(batch(), ages))
    assert losses["main"] == 0
    losses["total"].backward()


def test_a_batch_without_ages_is_refused(backbone, batch):
    with pytest.raises(ConfigError, match="needs ages") as error:
        build(backbone).losses(batch())
    assert "--ages" in error.value.hint
    assert elim_age.NEEDS == ("age",)


@pytest.mark.parametrize(
    "settings",
    [{"boundaries": (18,)}, {"boundaries": (30, 18)}, {"boundaries": (0, 18), "youngest": True}],
    ids=str,
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValidationError):
        Config(**settings)
