"""From a raw folder to a page about runs, and from the page back to the runs."""

import json
import shlex
import shutil

import pyarrow.parquet as pq
import pytest

from elimctl.commands.audit import examine, to_values
from elimctl.manifest import parquet
from elimctl.report.build import build
from elimctl.report.page import LIMIT
from elimctl.workspace import Workspace

from .conftest import FIGURES, NASTY


def test_an_identity_that_is_a_script_comes_through_prepare_and_eval_as_text(reported):
    manifest = pq.read_table(reported / "data" / "afew-va" / "manifest.parquet", columns=["identity"])
    assert NASTY in manifest["identity"].to_pylist()
    html = (reported / "page.html").read_text()
    assert NASTY not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_the_page_is_small_and_says_what_there_is_to_say(reported):
    html = (reported / "page.html").read_text()
    assert len(html.encode()) < LIMIT
    for text in (
        "Of 2 runs on 48 samples of 6 identities (afew-va, split all)",
        "Differences between runs on the same samples",
        "Published numbers on AFEW-VA",
        "A synthetic dataset: ",
        "These are synthetic faces",
        "Audit: no leak found",
        "identity: none shared between folds",
        "SHA-256 of the checkpoint",
        "afew-va is a synthetic dataset, so its scores cannot be compared",
        "first is scored on samples of all splits, training included (split all)",
        "device trained on",
        "precision trained in",
        "version of torch",
        "elimctl train --recipe first-again.toml --run first-again",
        "This page shows faces.",
    ):
        assert text in html, text


def test_faces_are_shown_only_where_they_are_asked_for(reported, call):
    page = reported / "without.html"
    where = ["--split", "all", *FIGURES, "-o", page, "--workspace", reported]
    assert call("report", "first", *where) == 0
    assert "data:image/jpeg" not in page.read_text()
    assert "data:image/jpeg" in (reported / "page.html").read_text()


def test_the_commands_on_the_page_make_the_run_again(reported, call, tmp_path, monkeypatch):
    (again,) = build(Workspace(reported), ["first"], split="all", only=["va_plane"]).reruns
    monkeypatch.chdir(tmp_path)
    (tmp_path / again.file).write_text(again.recipe)
    for line in again.commands:
        words = [str(reported / "raw") if word == "DIR" else word for word in shlex.split(line)]
        if words[0] == "elimctl":
            assert call(*words[1:]) == 0, line
    assert (tmp_path / "runs" / "first-again" / "report-all.html").is_file()
    columns = ["row", "valence_pred", "arousal_pred"]
    files = [
        folder / "runs" / name / "eval" / "all.parquet"
        for folder, name in ((reported, "first"), (tmp_path, "first-again"))
    ]
    assert pq.read_table(files[0], columns=columns).equals(pq.read_table(files[1], columns=columns))


def test_predictions_outlive_their_checkpoint_and_the_page_says_so(reported, call, tmp_path):
    copied = shutil.copytree(reported, tmp_path / "copied")
    shutil.rmtree(copied / "runs" / "first" / "checkpoints")
    where = ["--split", "all", *FIGURES, "--workspace", copied]
    assert call("report", "first", *where) == 0
    assert "has no checkpoint any more" in (copied / "runs" / "first" / "report-all.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nobody"], "no run 'nobody'"),
        (["first", "--split", "nothing"], "no split 'nothing'"),
        (["first", "--only", "nothing"], "no figure 'nothing'"),
    ],
)
def test_what_does_not_exist_is_named(reported, call, capsys, arguments, said):
    assert call("report", *arguments, "--workspace", reported) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "hint:" in error


@pytest.mark.parametrize("current", [True, False], ids=["current", "of another manifest"])
def test_the_audit_on_disk_counts_where_it_is_of_this_manifest(reported, tmp_path, current):
    copied = shutil.copytree(reported, tmp_path / "copied")
    data = copied / "data" / "afew-va"
    audited = to_values(examine(data))
    audited["leaking"], audited["manifest"] = True, audited["manifest"] if current else "0" * 64
    audited["leaks"][0] |= {"count": 2, "rows": 9}
    (data / "audit.json").write_text(json.dumps(audited))
    page = build(Workspace(copied), ["first"], split="all", only=["va_plane"])
    assert page.data[0].leaking == current
    assert any("afew-va leaks" in remark for remark in page.remarks) == current
    assert ("identity: 2 shared between folds, 9 samples concerned" in page.data[0].audit) == current


@pytest.mark.parametrize("values", [{}, [], {"manifest": None}, {"leaking": False, "leaks": None}])
def test_a_damaged_audit_is_made_anew(reported, tmp_path, values):
    copied = shutil.copytree(reported, tmp_path / "copied")
    data = copied / "data" / "afew-va"
    if isinstance(values, dict):
        values = {"manifest": parquet.digest(data / parquet.NAME)} | values
    (data / "audit.json").write_text(json.dumps(values))
    page = build(Workspace(copied), ["first"], split="all", only=["va_plane"])
    assert "identity: none shared between folds" in page.data[0].audit


def test_counts_add_up_and_drops_have_their_reasons(reported, tmp_path):
    copied = shutil.copytree(reported, tmp_path / "copied")
    file = copied / "data" / "afew-va" / "prepare.json"
    record = json.loads(file.read_text())
    record["counts"] = {"found": 51, "kept": 48, "dropped": {"no face": 2, "unreadable image": 1}}
    file.write_text(json.dumps(record))
    (part,) = build(Workspace(copied), ["first"], split="all", only=["va_plane"]).data
    shown = {row[0].text: row[1].text for row in part.tables[0].rows}
    assert shown == {"found": "51", "kept": "48", "dropped: no face": "2", "dropped: unreadable image": "1"}


@pytest.mark.parametrize("values", [{"counts": {"found": "a"}}, {"counts": {"dropped": 3}}])
def test_a_damaged_record_of_the_data_is_told_and_the_scores_are_shown(reported, tmp_path, values):
    copied = shutil.copytree(reported, tmp_path / "copied")
    file = copied / "data" / "afew-va" / "prepare.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
    page = build(Workspace(copied), ["first"], split="all", only=["va_plane"])
    assert (page.data[0].problem or "").startswith("prepare.json is damaged")
    assert any("prepare.json is damaged" in remark for remark in page.remarks)
    assert page.scores


def test_data_prepared_anew_since_are_told(reported, tmp_path):
    copied = shutil.copytree(reported, tmp_path / "copied")
    parquet.write(
        copied / "data" / "afew-va" / parquet.NAME,
        parquet.read(copied / "data" / "afew-va"),
        metadata={"another": "preparation"},
    )
    page = build(Workspace(copied), ["first"], split="all", only=["va_plane"])
    assert "prepared again" in (page.data[0].problem or "")
    assert any("prepared again" in remark for remark in page.remarks)
    assert any("is a synthetic dataset" in remark for remark in page.remarks)


def test_a_copy_of_which_nothing_says_that_it_was_drawn_is_told_to_lack_clips(reported, tmp_path):
    copied = shutil.copytree(reported, tmp_path / "copied")
    file = copied / "data" / "afew-va" / "prepare.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"synthetic": False}))
    page = build(Workspace(copied), ["first"], split="all", only=["va_plane"])
    told = "afew-va is not a complete copy (clips: 12 of 600, 588 missing;"
    assert any(remark.startswith(told) for remark in page.remarks)
    assert not page.data[0].title.startswith("A synthetic dataset")
