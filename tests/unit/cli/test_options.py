import inspect
from pathlib import Path

import pytest

from elimctl import plugins
from elimctl.cli import options, prepare, synth, train
from elimctl.prepare.settings import PrepareSettings
from elimctl.train.config import RunConfig

COMMANDS = {"train": train.train, "prepare": prepare.prepare, "synth": synth.synth}


def fields(key):
    """The fields at the beginning of a dotted key, as a class of configuration has them."""
    table, _, rest = key.partition(".")
    if table == "prepare":
        return PrepareSettings.model_fields, rest
    if table in ("dataset", "synth"):
        rooms = {"dataset": "datasets", "synth": "synthetic"}
        found = [
            plugins.find(rooms[table], name).Options.model_fields for name in plugins.names(rooms[table])
        ]
        return {name: field for options in found for name, field in options.items()}, rest
    return RunConfig.model_fields, key


@pytest.mark.parametrize("group", options.KEYS)
def test_every_option_in_the_table_is_one_of_its_command_and_sets_a_key_that_exists(group):
    assert set(options.KEYS[group]) <= set(inspect.signature(COMMANDS[group]).parameters)
    for key in options.KEYS[group].values():
        known, rest = fields(key)
        for part in rest.split("."):
            if known is None:  # a method's own settings
                break
            assert part in known, key
            known = getattr(known[part].annotation, "model_fields", None)


def test_options_that_were_not_given_set_nothing():
    arguments = {"backbone": "r18", "steps": None, "track": [], "fold": 0, "workspace": Path()}
    assert options.given("train", arguments) == {"model.name": "r18", "data.fold": 0}
    assert options.given("prepare", {"models": Path("m"), "device": "cpu"}) == {
        "prepare.detector.models": "m",
        "prepare.detector.device": "cpu",
    }
