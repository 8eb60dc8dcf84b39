import json

import pytest

from elimctl.errors import MissingError
from elimctl.workspace import Workspace, locate


def add_dataset(workspace, name):
    (workspace.data / name).mkdir(parents=True)
    (workspace.data / name / "manifest.parquet").touch()


def add_run(workspace, name, created):
    (workspace.runs / name).mkdir(parents=True)
    (workspace.runs / name / "run.json").write_text(json.dumps({"created": created}))


def test_the_only_dataset_is_the_default(tmp_path):
    workspace = Workspace(tmp_path)
    add_dataset(workspace, "afew-va")
    assert workspace.dataset() == tmp_path / "data" / "afew-va"


def test_two_datasets_are_named_together_with_the_option_to_choose(tmp_path):
    workspace = Workspace(tmp_path)
    add_dataset(workspace, "afew-va")
    add_dataset(workspace, "other")
    with pytest.raises(MissingError, match="afew-va, other") as caught:
        workspace.dataset()
    assert "--data" in caught.value.hint
    assert workspace.dataset("other").name == "other"


def test_nothing_prepared_says_what_to_run(tmp_path):
    with pytest.raises(MissingError) as caught:
        Workspace(tmp_path).dataset()
    assert "elimctl prepare" in caught.value.hint


def test_an_unknown_dataset_lists_those_that_exist(tmp_path):
    workspace = Workspace(tmp_path)
    add_dataset(workspace, "afew-va")
    with pytest.raises(MissingError, match="there are: afew-va"):
        workspace.dataset("affectnet")


def test_the_newest_run_is_the_default_whatever_its_name_and_file_time(tmp_path):
    workspace = Workspace(tmp_path)
    add_run(workspace, "a", "2026-01-02T00:00:00")
    add_run(workspace, "b", "2026-01-01T00:00:00")
    assert workspace.run().name == "a"
    assert workspace.run("b").name == "b"


def test_no_run_says_what_to_run(tmp_path):
    with pytest.raises(MissingError) as caught:
        Workspace(tmp_path).run()
    assert "elimctl train" in caught.value.hint


def test_an_unknown_run_lists_those_that_exist(tmp_path):
    workspace = Workspace(tmp_path)
    add_run(workspace, "a", "2026")
    with pytest.raises(MissingError, match="there are: a"):
        workspace.run("b")


def test_the_option_comes_before_the_variable_and_the_variable_before_the_current_folder(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert locate().root == tmp_path
    monkeypatch.setenv("ELIMCTL_WORKSPACE", str(tmp_path / "variable"))
    assert locate().root == tmp_path / "variable"
    assert locate(tmp_path / "option").root == tmp_path / "option"
