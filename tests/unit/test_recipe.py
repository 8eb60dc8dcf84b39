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
    with pytest.raises(ConfigError, match="expected a table"):
        recipe.read(None, sets=["train=5"])


def test_a_recipe_is_laid_over_the_one_that_it_extends(tmp_path):
    (tmp_path / "base.toml").write_text("[train]\nsteps = 1\nseed = 1\n[model]\nname = 'r18'\n")
    (tmp_path / "middle.toml").write_text("extends = 'base.toml'\n[train]\nseed = 2\nepochs = 2\n")
    file = tmp_path / "mine.toml"
    file.write_text("extends = 'middle.toml'\n[train]\nepochs = 3\n")
    values = recipe.read(str(file))
    assert values["train"] == {"steps": 1, "seed": 2, "epochs": 3}
    assert values["model"] == {"name": "r18"}


def test_a_recipe_can_extend_a_packaged_one(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("extends = 'demo'\n[train]\nsteps = 7\n")
    demo = recipe.read("demo")
    assert recipe.read(str(file)) == {**demo, "train": {**demo["train"], "steps": 7}}


def test_the_settings_of_a_method_do_not_pass_to_another(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("extends = 'elim/afew-va'\n[method]\nname = 'erm'\n")
    assert recipe.read(str(file))["method"] == {"name": "erm"}
    file.write_text("extends = 'elim/afew-va'\n[method]\nn_iter = 6\n")
    assert recipe.read(str(file))["method"] == {**recipe.read("elim/afew-va")["method"], "n_iter": 6}


def test_a_recipe_that_extends_itself_is_refused(tmp_path):
    (tmp_path / "a.toml").write_text("extends = 'b.toml'\n")
    (tmp_path / "b.toml").write_text("extends = 'a.toml'\n")
    with pytest.raises(ConfigError, match="a recipe extends itself: a extends b extends a"):
        recipe.read(str(tmp_path / "a.toml"))


@pytest.mark.parametrize("said", ["extends = 3", "extends = ['demo']"])
def test_what_is_extended_is_named(tmp_path, said):
    file = tmp_path / "mine.toml"
    file.write_text(said)
    with pytest.raises(ConfigError, match="expected a recipe"):
        recipe.read(str(file))


def test_a_packaged_recipe_is_found_by_name():
    assert recipe.read("demo")["model"]["name"] == "al"


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("afew-va-papers", "elim/afew-va"),
        ("elim-table2-r19", "elim/table2-r18"),
        ("demo-tiny.tml", "demo-tiny"),
        ("no/such/folder/elim-affectnet", "elim/affectnet"),
    ],
)
def test_a_recipe_that_is_not_there_is_answered_with_the_nearest_few(wrong, near):
    with pytest.raises(MissingError, match=f"no recipe {wrong}: .*similar names: .*{near}") as caught:
        recipe.read(wrong)
    assert sum(name in caught.value.message for name in recipe.names()) < 8  # names within others count, too


def test_a_recipe_that_is_like_no_other_is_answered_with_where_all_are():
    with pytest.raises(MissingError, match=r"no packaged recipe has that name$") as caught:
        recipe.read("qqqq")
    assert str(recipe.path("demo").parent) in caught.value.hint


@pytest.mark.parametrize("name", recipe.names())
def test_every_packaged_recipe_is_valid(name):
    from elimctl import plugins
    from elimctl.config import validate
    from elimctl.experiments.protocol import Protocol
    from elimctl.metrics.score import MetricOptions
    from elimctl.prepare.settings import PrepareSettings

    values = recipe.read(name)
    name = validate(Protocol, values["run"], where="run").dataset or "afew-va"
    dataset, drawing = plugins.find("datasets", name), plugins.find("synthetic", name)
    recipe.run_config(values)
    validate(dataset.Options, values["dataset"], where="dataset")
    validate(drawing.Options, values["synth"], where="synth")
    validate(PrepareSettings, values["prepare"], where="prepare")
    validate(MetricOptions, values["eval"], where="eval")


def test_the_papers_recipe_says_what_the_defaults_are():
    """It is there to be read; were a default changed, it would still be the paper's."""
    paper = recipe.run_config(recipe.read("elim/afew-va"))
    default = recipe.run_config(recipe.read(None))
    assert paper.method_config() == default.method_config()
    changed = {"epochs": 100}
    assert paper.train == default.train.model_copy(update=changed)
