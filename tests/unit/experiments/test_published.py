import pytest

from elimctl import recipe
from elimctl.experiments import jobs
from elimctl.experiments.paper_tables import FIGURE_6, TABLES
from elimctl.experiments.published import numbers


def test_every_number_is_kept_as_printed():
    found = numbers()
    assert len(found) == 216  # lines of the file
    assert {"0.40", "0.570", "86.20"} <= {number.value for number in found}
    for number in found:
        assert float(number.value) >= 0


def test_every_table_has_a_name_on_the_command_line():
    assert {number.source for number in numbers()} | {FIGURE_6} == set(TABLES.values())


@pytest.mark.parametrize("name", recipe.names())
def test_the_published_rows_that_a_recipe_cites_exist(name):
    for claim in jobs.protocol(recipe.read(name)).rows:
        assert claim.source in TABLES.values()
        assert claim.numbers() or claim.source == FIGURE_6, claim


def test_no_two_recipes_stand_for_the_same_number():
    claimed = [
        number
        for name in recipe.names()
        for claim in jobs.protocol(recipe.read(name)).rows
        for number in claim.numbers()
    ]
    assert len(claimed) == len(set(claimed))


def unclaimed(found):
    """Those of some numbers that no recipe stands for."""
    claimed = {
        number
        for name in recipe.names()
        for claim in jobs.protocol(recipe.read(name)).rows
        for number in claim.numbers()
    }
    return [number for number in found if number not in claimed]


def test_every_number_of_elim_has_a_recipe():
    assert unclaimed(number for number in numbers() if number.method.startswith(("ELIM", "CAF"))) == []


def test_every_number_of_dmue_has_a_recipe_but_where_there_are_no_weights_to_start_from():
    left = unclaimed(number for number in numbers() if number.source.startswith("DMUE"))
    assert {(number.source, number.backbone) for number in left} == {
        ("DMUE supplement Table 1", "ShuffleNetV1 g3 2.0x"),
        ("DMUE supplement Table 1", "ResNet50-IBN"),
    }


@pytest.mark.parametrize("name", [name for name in recipe.names() if "-plain-" in name])
def test_a_recipe_without_dmue_differs_from_the_one_with_it_in_the_method_alone(name):
    plain, ours = recipe.read(name), recipe.read(name.replace("-plain", ""))
    method, rows = plain.pop("method"), plain["run"].pop("rows")
    rival, others = ours.pop("method"), ours["run"].pop("rows")
    assert plain == ours
    assert method == {"name": "cross-entropy"} | ({"bn_neck": False} if "bn_neck" in rival else {})
    assert rows == [{**row, "method": "plain"} for row in others]
