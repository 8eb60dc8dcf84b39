import json

from elimctl.report import provenance

ENVIRONMENT = {
    "python": "CPython 3.12.1",
    "system": "Linux",
    "processor": "Chip",
    "threads": 8,
    "device": "cuda",
    "precision": "bfloat16",
    "gpu": "Card",
    "cuda": "12.8",
}


def shown(subjects):
    return {row[0].text: [cell.text for cell in row[1:]] for row in provenance.table(subjects).rows}


def add(workspace, name, **facts):
    file = workspace.runs / name / "run.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | facts))


def test_where_a_run_was_trained_is_told(make_run, subject, workspace):
    add(workspace, make_run(), environment=ENVIRONMENT)
    found = shown([subject("one")])
    assert found["Python"] == ["CPython 3.12.1"]
    assert found["threads of the processor"] == ["8"]
    assert (found["GPU"], found["CUDA"], found["device trained on"]) == (["Card"], ["12.8"], ["cuda"])
    assert found["precision trained in"] == ["bfloat16"]
    assert not [name for name in found if name.startswith("environment")]


def test_older_runs_do_not_say_and_have_dashes_beside_others(make_run, subject, workspace):
    assert "Python" not in shown([subject(make_run("old"))])
    add(workspace, make_run("new"), environment=ENVIRONMENT)
    assert shown([subject("old"), subject("new")])["GPU"] == ["\N{EN DASH}", "Card"]
    add(workspace, "old", environment="none")
    assert "Python" not in shown([subject("old")])
