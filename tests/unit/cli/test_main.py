import re
import statistics
import subprocess
import sys
import time
import warnings

import pytest

from elimctl.cli import main as cli
from elimctl.errors import DataError, Notice

COMMANDS = (
    *("prepare", "train", "eval", "temporal", "compare", "crossval", "figures", "report"),
    *("export", "demo", "datasets", "synth", "models", "doctor"),
    *("data", "data list", "data show", "data verify", "data audit", "data convert", "data gc"),
    *("data export-csv", "features", "features extract", "features list"),
    *("bench", "bench prepare", "bench memory"),
)


def run(capsys, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["elimctl", *arguments])
    try:
        cli.main()
        code = 0
    except SystemExit as leave:
        code = leave.code or 0
    return code, *capsys.readouterr()


def test_help_loads_nothing_heavy():
    code = (
        "import sys; sys.argv = ['elimctl', '--help']\n"
        "from elimctl.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"torch", "numpy", "cv2", "zarr", "pyarrow", "onnxruntime", "matplotlib", "pydantic", "timm"}
    assert not heavy & set(found.stdout.splitlines()[-1].split())


@pytest.mark.slow
def test_help_answers_in_a_quarter_of_a_second():
    times = []
    for _ in range(9):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "elimctl", "--help"], capture_output=True, check=True)
        times.append(time.perf_counter() - started)
    assert statistics.median(times) < 0.25


@pytest.mark.parametrize("command", [(), *(tuple(name.split()) for name in COMMANDS)])
def test_every_help_fits_80_columns(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(capsys, monkeypatch, *command, "--help")
    assert code == 0
    assert "Usage" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    assert not re.search(r"\s\.(\s|$)", out)  # a default in brackets that was taken for markup


def test_the_version_is_the_packages(capsys, monkeypatch):
    code, out, _ = run(capsys, monkeypatch, "--version")
    assert code == 0
    assert re.fullmatch(r"elimctl \d+\.\d+\.\d+\n", out)


def test_a_notice_is_one_line_said_once_and_other_warnings_are_pythons(capsys, monkeypatch):
    def app() -> None:
        for _ in range(2):
            warnings.warn("no locks there", Notice, stacklevel=1)
        warnings.warn("of numpy", RuntimeWarning, stacklevel=1)

    others = []
    monkeypatch.setattr(cli, "app", app)
    monkeypatch.setattr(cli, "_show_warning", lambda message, *_, **__: others.append(str(message)))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        code, out, err = run(capsys, monkeypatch)
    assert (code, out, err) == (0, "", "warning: no locks there\n")
    assert others == ["of numpy"]


def test_a_wrong_option_is_a_usage_error(capsys, monkeypatch):
    code, out, err = run(capsys, monkeypatch, "train", "--no-such-option")
    assert code == 2
    assert out == ""
    assert "--no-such-option" in err


def raising(error):
    def app():
        raise error

    return app


def test_an_error_becomes_two_lines_on_stderr(capsys, monkeypatch):
    monkeypatch.setattr(cli, "app", raising(DataError("split 'val' is empty", hint="choose another")))
    code, out, err = run(capsys, monkeypatch)
    assert (code, out) == (1, "")
    assert err == "error: split 'val' is empty\nhint: choose another\n"


@pytest.mark.parametrize(
    ("number", "hint"), [(28, "free some space"), (13, "--workspace"), (30, "--workspace")]
)
def test_a_disk_that_is_full_or_closed_is_no_traceback(capsys, monkeypatch, number, hint):
    monkeypatch.setattr(cli, "app", raising(OSError(number, "Said By The System", "/some/file")))
    code, _, err = run(capsys, monkeypatch)
    assert code == 1
    assert err.startswith("error: said by the system: /some/file\nhint: ")
    assert hint in err


def test_other_system_errors_are_ours_and_keep_their_traceback(capsys, monkeypatch):
    monkeypatch.setattr(cli, "app", raising(OSError(107, "not connected")))
    with pytest.raises(OSError, match="not connected"):
        run(capsys, monkeypatch)


def test_models_prints_the_counts_of_the_documentation(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(capsys, monkeypatch, "models")
    assert code == 0
    for count in ("4,934,146", "12,438,762", "59,248,946", "2,558,018", "88,322"):
        assert count in out
