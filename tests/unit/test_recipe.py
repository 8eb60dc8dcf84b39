import pytest

from elimctl import recipe
from elimctl.errors import ConfigError, MissingError


def test_options_come_over_the_recipe_and_set_over_options(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[train]\nsteps = 1\nseed = 1\nepochs = 1\n")
    values = recipe.read(str(file), {"train": {"seed": 2, "epochs": 2}}, sets=["train.epochs=3"])
    assert values["train"] == {"steps": 1, "seed": 2, "epochs": 3}


def test_options_that_were_not_given_leave_the_recipe_alone(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[model]\nname = 'r18'\n")
    assert recipe.run_config(recipe.read(str(file), {"model": {"name": None}})).model.name == "r18"


def test_every_table_is_there_without_a_recipe():
    assert recipe.read(None) == {name: {} for name in recipe.TABLES}


def test_a_table_that_no_stage_reads_is_refused_with_the_nearest():
    with pytest.raises(ConfigError) as caught:
        recipe.read(None, sets=["methods.reg=1"])
    assert caught.value.hint == "write method"


def test_a_value_where_a_table_belongs_is_refused():
    with pytest.raises(ConfigError, match="a table wanted"):
        recipe.read(None, sets=["train=5"])


def test_a_packaged_recipe_is_found_by_name_and_an_unknown_one_is_named():
    assert recipe.read("demo")["model"]["name"] == "al"
    with pytest.raises(MissingError, match="afew-va-paper, demo"):
        recipe.read("nothing")


@pytest.mark.parametrize("name", recipe.names())
def test_every_packaged_recipe_is_valid(name):
    from elimctl.config import validate
    from elimctl.datasets import afew_va
    from elimctl.evaluate.score import MetricOptions
    from elimctl.prepare.settings import PrepareSettings

    values = recipe.read(name)
    recipe.run_config(values)
    validate(afew_va.Options, values["dataset"], where="dataset")
    validate(afew_va.ImitateOptions, values["imitate"], where="imitate")
    validate(PrepareSettings, values["prepare"], where="prepare")
    validate(MetricOptions, values["eval"], where="eval")


def test_the_papers_recipe_says_what_the_defaults_are():
    """It is there to be read; were a default changed, it would still be the paper's."""
    paper = recipe.run_config(recipe.read("afew-va-paper"))
    default = recipe.run_config(recipe.read(None))
    assert paper.method_config() == default.method_config()
    changed = {"epochs": 100}
    assert paper.train == default.train.model_copy(update=changed)
