"""Check the language of everything a user reads: `python tests/docs/prose.py`.

Two rules of the style guide can be counted: at most 20 words in a sentence, and no forms that have to be
read twice.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
MOST_WORDS = 20
# Forms that make a reader go back: a pronoun for a subject, a trailing "too", "is no ..." for "invalid".
FORBIDDEN = {
    r"^(what|who|whoever|whatever) \w+": "a sentence that begins with 'what' or 'who'",
    r",? too[.:;]?$": "a trailing 'too'",
    r"(?<!there )(?<!There )\b(is|are) no (?!longer|more|less|need)\w+": "'is no ...'",
    r"\b(amiss|anew|likewise)\b": "an old word",
}


class Finding(NamedTuple):
    """A sentence that breaks a rule, and where."""

    where: str
    rule: str
    sentence: str


def sentences(text: str) -> Iterator[str]:
    """Sentences of a page in Markdown: prose, list items and table cells; code and headings are left out."""
    text = re.sub(r"^---\n.*?^---\n", "", text, count=1, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"^ *(```|~~~).*?^ *\1", "\n\n", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"(?<=\n)\n(?: {4}.*\n)+", "\n", text)  # indented code
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`]*`", "CODE", text)
    text = re.sub(r"\$[^$\n]*\$", "FORMULA", text)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[*+-]|\d+\.) )|\n(?=\|)|\n(?=#)", text):
        if block.lstrip().startswith("#"):
            continue
        cells = block.strip().strip("|").split("|") if block.lstrip().startswith("|") else [block]
        for cell in cells:
            plain = " ".join(re.sub(r"[*_>]+|^\s*(?:[*+-]|\d+\.)\s", " ", cell).split())
            yield from filter(None, re.split(r"(?<=[.!?:;])\s+(?=[A-Z(\"'])|(?<=[:;])\s+", plain))


def help_texts() -> Iterator[tuple[str, str]]:
    """Every help text of the command line, with the command it belongs to."""
    from typer.main import get_command

    from elimctl.cli.main import app

    stack = [("elimctl", get_command(app))]
    while stack:
        name, command = stack.pop()
        yield name, command.help or ""
        for parameter in command.params:
            yield f"{name} {parameter.opts[0]}", getattr(parameter, "help", None) or ""
        stack += [(f"{name} {below}", one) for below, one in getattr(command, "commands", {}).items()]


def messages() -> Iterator[tuple[str, str]]:
    """Messages and hints of errors, notices and printed lines, with CODE for each value that is filled in."""
    for file in sorted((ROOT / "elimctl").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name.endswith("Error") or name in ("say", "Notice"):
                values = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "hint")]
                for value in values:
                    yield f"{file.relative_to(ROOT)}:{value.lineno}", _text(value)


def _text(node: ast.expr) -> str:
    """A string literal, with CODE for each value that is filled in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) if isinstance(part, ast.Constant) else "CODE" for part in parts)
        case ast.BinOp(left=left, right=right):
            return _text(left) + _text(right)
    return ""


def check(where: str, text: str) -> Iterator[Finding]:
    """Findings in a text."""
    for sentence in sentences(text):
        words = len(re.findall(r"[A-Za-z][\w'’-]*", sentence))
        if words > MOST_WORDS:
            yield Finding(where, f"{words} words", sentence)
        for pattern, rule in FORBIDDEN.items():
            if re.search(pattern, sentence, flags=re.IGNORECASE):
                yield Finding(where, rule, sentence)


def everything() -> Iterator[tuple[str, str]]:
    """All texts that a user reads, with where they stand."""
    pages = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]  # not the generated ones
    yield from ((str(page.relative_to(ROOT)), page.read_text(encoding="utf-8")) for page in pages)
    yield from help_texts()
    yield from messages()


if __name__ == "__main__":
    found = [finding for where, text in everything() for finding in check(where, text)]
    for finding in found:
        sys.stdout.write(f"{finding.where}: {finding.rule}: {finding.sentence}\n")
    sys.stdout.write(f"{len(found)} findings\n")
    sys.exit(bool(found))
