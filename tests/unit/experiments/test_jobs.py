import json

import pytest

from elimctl import recipe
from elimctl.errors import ConfigError, MissingError
from elimctl.experiments import jobs
from elimctl.workspace import Workspace


def prepared(folder, *, dataset="afew-va", identity="clip", **settings):
    """A dataset as far as planning looks at it."""
    folder.mkdir(parents=True)
    settings = {"folds": 6, "seed": 0, "identities": "dataset", "splits": "official"} | settings
    record = {"dataset": dataset, "options": {"identity": identity}, "settings": settings}
    (folder / "prepare.json").write_text(json.dumps(record))
    (folder / "manifest.parquet").touch()
    return folder


def test_cross_validation_holds_out_every_fold_with_every_seed(tmp_path):
    tables = recipe.read("elim/table2-al")
    made = jobs.plan("elim/table2-al", tables, prepared(tmp_path / "afew-va"))
    assert len(made) == 30
    assert [job.name for job in made[:7]] == [
        *(f"elim-table2-al-f{fold}-s0" for fold in range(6)),
        "elim-table2-al-f0-s1",
    ]
    last = recipe.run_config(made[-1].tables)
    assert (last.data.name, last.data.fold, last.train.seed) == ("afew-va", 5, 4)


def test_one_fold_is_not_in_the_name(tmp_path):
    tables = recipe.read("elim/table1-r18")
    made = jobs.plan("some/where/mine.toml", tables, prepared(tmp_path / "aff-wild", dataset="aff-wild"))
    assert [job.name for job in made] == [f"mine-s{seed}" for seed in range(5)]


def test_a_sweep_is_in_the_names(tmp_path):
    made = jobs.plan("elim/fig6", recipe.read("elim/fig6"), prepared(tmp_path / "afew-va"))
    assert len({job.name for job in made}) == len(made) == 12 * 30
    job = next(job for job in made if job.name == "elim-fig6-max_identities50-lambda_va0.0-f2-s3")
    config = recipe.run_config(job.tables)
    assert (config.train.max_identities, config.method["lambda_va"]) == (50, 0.0)


@pytest.mark.parametrize(
    ("otherwise", "said"),
    [
        ({"folds": 3}, r"prepare\.folds = 3, the recipe wants 6"),
        # what decides who is scored on whom, though the recipe does not name it
        ({"identities": "cluster"}, r"prepare\.identities = 'cluster', the recipe wants 'dataset'"),
        ({"splits": "folds"}, r"prepare\.splits = 'folds', the recipe wants 'official'"),
        ({"seed": 1}, r"prepare\.seed = 1, the recipe wants 0"),
        ({"identity": "actor"}, r"dataset\.identity = 'actor', the recipe wants 'clip'"),
        ({"dataset": "folder"}, "holds folder, the recipe wants afew-va"),
    ],
)
def test_a_dataset_that_was_prepared_otherwise_is_refused(tmp_path, otherwise, said):
    with pytest.raises(ConfigError, match=said):
        jobs.plan(
            "elim/table2-al", recipe.read("elim/table2-al"), prepared(tmp_path / "afew-va", **otherwise)
        )


def test_a_dataset_that_is_not_prepared_is_asked_for(tmp_path):
    prepared(tmp_path / "data" / "raf-db")
    with pytest.raises(MissingError, match="no prepared dataset 'afew-va'") as caught:
        jobs.find_dataset(Workspace(tmp_path), recipe.read("elim/table2-al"))
    assert "elimctl prepare afew-va DIR" in str(caught.value.hint)


def test_values_differ_at_the_first_key_that_is_given():
    assert jobs.difference({"a": 1, "b": None, "c": (1, 2)}, {"a": 1, "b": 3, "c": [1, 2], "d": 4}) is None
    assert jobs.difference({"a": {"b": 1}}, {"a": {"b": 2}}) == ("a.b", 1, 2)
    assert jobs.difference({"a": 1}, {}) == ("a", 1, None)
    assert jobs.difference({"a": {"b": None}}, {"a": {"b": 3}}, also_none=True) == ("a.b", None, 3)
