"""`elimctl prepare` in jobs, as an array job runs it."""

import json

import pytest

QUICK = ["--detector", "annotation", "--size", "32", "--workers", "1", "--set", "prepare.shard_images=7"]


def _content(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def prepare(call, raw, tmp_path):
    def run(name, *options):
        return call("prepare", "afew-va", raw, "--name", name, *QUICK, *options, "--workspace", tmp_path)

    return run


def test_jobs_and_a_merge_give_the_bytes_of_one_call(prepare, tmp_path, capsys):
    assert prepare("whole") == 0
    capsys.readouterr()
    for index in (1, 0):
        assert prepare("parts", "--job-index", index, "--num-jobs", 2, "--json") == 0
        out, err = capsys.readouterr()
        assert json.loads(out) == {"job": index, "jobs": 2}
        assert f"job {index} of 2 is done" in err
        assert "--merge-jobs" in err
    assert prepare("parts", "--merge-jobs", "--json") == 0
    assert json.loads(capsys.readouterr().out)["found"] == 48
    data = tmp_path / "data"
    assert _content(data / "parts") == _content(data / "whole")
    assert sorted(file.name for file in (data / "parts").iterdir()) == [
        "images.zarr",
        "manifest.parquet",
        "prepare.json",
    ]


def test_a_merge_before_all_is_done_says_what_is_missing_and_keeps_what_is(prepare, tmp_path, capsys):
    assert prepare("parts", "--job-index", 1, "--num-jobs", 3) == 0
    assert prepare("parts", "--merge-jobs") == 1
    assert "error: 5 of 7 units are not done, the first is unit 0" in capsys.readouterr().err
    assert len(list((tmp_path / "data" / "parts" / "units").glob("*.json"))) == 2
    for index in (0, 2):
        assert prepare("parts", "--job-index", index, "--num-jobs", 3) == 0
    assert prepare("parts", "--merge-jobs") == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--job-index", 0],
        ["--num-jobs", 2],
        ["--job-index", 2, "--num-jobs", 2],
        ["--merge-jobs", "--job-index", 0],
    ],
)
def test_jobs_that_make_no_sense_are_refused(prepare, tmp_path, capsys, options):
    assert prepare("parts", *options) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "--" in said.splitlines()[0]
    assert not (tmp_path / "data").exists()


def test_synthetic_data_are_not_compared_with_a_complete_copy(prepare, raw, tmp_path, capsys):
    assert prepare("synthetic") == 0
    assert "complete copy" not in capsys.readouterr().err
    mark = raw / ".synthetic"
    mark.rename(tmp_path / "mark")
    try:
        assert prepare("real") == 0
    finally:
        (tmp_path / "mark").rename(mark)
    assert "compared with a complete copy: clips: " in capsys.readouterr().err
