import json
import tomllib

from elimctl import recipe as recipes
from elimctl.report.rerun import rerun


def test_the_recipe_is_one_that_train_reads_to_the_same_settings(make_run, subject, tmp_path):
    one = subject(make_run())
    made = rerun(one)
    file = tmp_path / made.file
    file.write_text(made.recipe)
    assert recipes.run_config(recipes.read(str(file))) == one.material.config
    assert made.commands[1:] == [
        "elimctl train --recipe one-again.toml --run one-again",
        "elimctl eval --run one-again --split val",
        "elimctl report one-again --split val",
    ]
    assert made.commands[0] == "git checkout " + "f" * 40
    assert any("unknown" in remark for remark in made.remarks)


def test_the_recipe_says_how_the_data_were_prepared(make_run, subject, workspace):
    folder = workspace.data / "drawn"
    folder.mkdir(parents=True)
    (folder / "manifest.parquet").touch()
    settings = {"folds": 3, "splits": "a" * 64, "crop": {"size_px": 72}}
    record = {"format": 2, "dataset": "afew-va", "options": {"identity": "actor"}, "settings": settings}
    (folder / "prepare.json").write_text(json.dumps(record))
    made = rerun(subject(make_run()))
    tables = tomllib.loads(made.recipe)
    assert tables["dataset"] == {"identity": "actor"}
    assert tables["prepare"] == {"folds": 3, "crop": {"size_px": 72}}
    assert "elimctl prepare afew-va DIR --name drawn --recipe one-again.toml --split FILE" in made.commands
    assert any("a" * 64 in remark for remark in made.remarks)


def test_a_file_of_each_split_is_named_by_the_split(make_run, subject, workspace):
    folder = workspace.data / "drawn"
    folder.mkdir(parents=True)
    (folder / "manifest.parquet").touch()
    settings = {"splits": f"train={'a' * 64},val={'b' * 64},test={'c' * 64}"}
    record = {"format": 2, "dataset": "affectnet8", "options": {}, "settings": settings}
    (folder / "prepare.json").write_text(json.dumps(record))
    made = rerun(subject(make_run()))
    assert any(command.endswith("--split train.csv,val.csv,test.csv") for command in made.commands)
    assert f"val.csv is the list of splits with SHA-256 {'b' * 64}" in made.remarks
    assert tomllib.loads(made.recipe)["prepare"] == {}


def test_a_checkout_with_changes_is_told(make_run, subject, workspace):
    name = make_run()
    file = workspace.runs / name / "run.json"
    file.write_text(file.read_text().replace("f" * 40, "f" * 40 + "-dirty"))
    made = rerun(subject(name))
    assert made.commands[0] == "git checkout " + "f" * 40
    assert any("uncommitted changes" in remark for remark in made.remarks)


def test_a_run_from_no_checkout_names_its_version(make_run, subject, workspace):
    name = make_run()
    file = workspace.runs / name / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"git": None}))
    made = rerun(subject(name))
    assert made.commands[0].startswith("elimctl train")
    assert any("trained with elimctl 0.1.0" in remark for remark in made.remarks)
