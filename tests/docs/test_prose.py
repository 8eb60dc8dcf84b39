import importlib.util
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("prose.py")
spec = importlib.util.spec_from_file_location("prose", FILE)
prose = importlib.util.module_from_spec(spec)
spec.loader.exec_module(prose)


def rules(text):
    return [finding.rule for finding in prose.check("page", text)]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("What was stopped goes on.", "a sentence that begins with 'what' or 'who'"),
        ("It scores the clips, too.", "a trailing 'too'"),
        ("5 is no time.", "'is no ...'"),
        ("The dataset was prepared anew.", "an old word"),
        (" ".join(["word"] * 21) + ".", "21 words"),
    ],
)
def test_a_forbidden_form_is_found(text, rule):
    assert rules(text) == [rule]


@pytest.mark.parametrize(
    "text",
    [
        "There is no interval.",
        " ".join(["word"] * 20) + ".",
        "```sh\n" + "word " * 30 + "\n```",
        "\n\n    " + "x = y " * 30 + "\n",
        "| " + "word " * 15 + "| " + "word " * 15 + "|",
    ],
)
def test_plain_sentences_code_and_table_cells_pass(text):
    assert rules(text) == []
