"""What figures are drawn from, where a file is damaged."""

from types import SimpleNamespace

import pytest

from elimctl.errors import StoreError
from elimctl.figures.material import Material

smoothed = Material.smoothed.func


@pytest.fixture
def run(tmp_path):
    (tmp_path / "eval").mkdir()
    predictions = tmp_path / "eval" / "val.parquet"
    return SimpleNamespace(predictions=predictions, axes=SimpleNamespace(protocol={"dataset": "a"}))


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
    run.predictions.with_suffix(".smoothing.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"val\.smoothing\.json is damaged: ") as caught:
        smoothed(run)
    assert caught.value.hint == "run elimctl eval --smooth again"


def test_no_smoothing_was_asked_for_or_gained(run):
    assert smoothed(run) is None
    noted = '{"smoothing": {"window": 1, "step": 1}, "protocol": {"dataset": "a"}}'
    run.predictions.with_suffix(".smoothing.json").write_text(noted)
    assert smoothed(run) is None
