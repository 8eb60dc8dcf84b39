import pytest
import torch

from elimctl.config import validate
from elimctl.errors import ConfigError, StoreError
from elimctl.train import run
from elimctl.train.config import RunConfig


@pytest.fixture
def config():
    return validate(RunConfig, {"model": {"name": "al", "neck": "gap", "image_px": 64}})


def test_a_run_keeps_its_recipe_and_facts(tmp_path, config):
    made = run.create(tmp_path / "one", config, facts={"dataset": "afew-va"})
    assert made.config() == config
    facts = made.facts()
    assert facts["dataset"] == "afew-va"
    assert set(facts["versions"]) == set(run.PACKAGES)
    assert facts["created"].startswith("20")


def test_a_name_that_is_taken_is_refused(tmp_path, config):
    run.create(tmp_path / "one", config, facts={})
    with pytest.raises(ConfigError, match="'one' exists already"):
        run.create(tmp_path / "one", config, facts={})


def test_new_names_count_up(tmp_path, config):
    assert run.new_name(tmp_path, config) == "elim-al-1"
    run.create(tmp_path / "elim-al-1", config, facts={})
    assert run.new_name(tmp_path, config) == "elim-al-2"


def test_a_slash_in_a_backbone_makes_no_folder(tmp_path):
    config = validate(RunConfig, {"model": {"name": "timm/resnet10t"}})
    assert run.new_name(tmp_path, config) == "elim-timm-resnet10t-1"


def test_fresh_weights_follow_from_the_seed(config):
    def weights(seed):
        torch.rand(seed + 3)  # whatever was drawn before
        train = config.train.model_copy(update={"seed": seed})
        model = run.build_model(config.model_copy(update={"train": train}))
        return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b"\xff"])
def test_damaged_facts_are_named(tmp_path, config, content):
    made = run.create(tmp_path / "one", config, facts={})
    (made.folder / "run.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"run\.json is damaged"):
        made.facts()


HELD = {"split": "val", "dataset": "a", "manifest": "1", "fold": 2}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, "val"),
        ({"split": "train"}, "train"),
        ({"fold": 3}, "val-fold3"),
        ({"fold": None, "split": "all"}, "all"),
        ({"manifest": "2"}, "val-a"),  # the run's own dataset, prepared anew
        ({"manifest": "2", "fold": 3}, "val-a-fold3"),
        ({"dataset": "b"}, "val-b"),
        ({"dataset": "b", "fold": 3}, "val-b-fold3"),
        ({"dataset": "b-fold3"}, "val-b-fold3-fold2"),
        ({"dataset": "b-fold3", "fold": None}, "val-b-fold3-fold2"),
        ({"dataset": "fold3"}, "val-fold3-fold2"),
        ({"dataset": "b-fold3", "fold": 3}, "val-b-fold3-fold3"),
    ],
)
def test_evaluations_of_other_rows_have_other_names(tmp_path, config, given, wanted):
    data = config.data.model_copy(update={"name": "a", "fold": 2})
    made = run.create(tmp_path / "one", config.model_copy(update={"data": data}), facts={"manifest": "1"})
    assert made.stem(HELD | given) == wanted
