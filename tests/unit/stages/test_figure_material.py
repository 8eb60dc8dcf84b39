"""What figures are drawn from, where a file is damaged."""

from types import SimpleNamespace

import numpy as np
import pytest

from elimctl.errors import MissingError, StoreError
from elimctl.stages.figure_material import Material, read_log

smoothed = Material.smoothed.func


@pytest.fixture
def run(tmp_path):
    (tmp_path / "eval").mkdir()
    run = SimpleNamespace(folder=tmp_path)
    return SimpleNamespace(run=run, split="val", axes=SimpleNamespace(protocol={"dataset": "a"}))


def test_a_log_is_read_with_its_gaps(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,loss_total\n1,0.5\n2,\n")
    found = read_log(tmp_path / "metrics.csv")
    np.testing.assert_array_equal(found["loss_total"], [0.5, np.nan])
    with pytest.raises(MissingError, match="no step of training"):
        read_log(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "content", [b"step,loss\n1,\xff\n", b"step,loss\n1,\x00\n", b"step\n1,2\n", b'a\n\n"x']
)
def test_a_damaged_log_is_named(tmp_path, content):
    (tmp_path / "metrics.csv").write_bytes(content)
    with pytest.raises(StoreError, match=r"metrics\.csv is damaged: "):
        read_log(tmp_path / "metrics.csv")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"smoothing": {"window": 3}}',
        b'{"smoothing": {"window": "wide", "step": 1}, "protocol": {}}',
        b'{"smoothing": {"window": null, "step": 1}, "protocol": {}}',
        b'{"smoothing": {"window": 3, "step": 1}}',
    ],
)
def test_damaged_notes_of_smoothing_are_named(run, content):
    (run.run.folder / "eval" / "val.smoothing.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"val\.smoothing\.json is damaged: ") as caught:
        smoothed(run)
    assert caught.value.hint == "run elimctl eval --smooth again"


def test_no_smoothing_was_asked_for_or_gained(run):
    assert smoothed(run) is None
    noted = '{"smoothing": {"window": 1, "step": 1}, "protocol": {"dataset": "a"}}'
    (run.run.folder / "eval" / "val.smoothing.json").write_text(noted)
    assert smoothed(run) is None
