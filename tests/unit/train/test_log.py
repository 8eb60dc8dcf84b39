import csv
from dataclasses import replace

import numpy as np
import pytest

from elimctl.errors import MissingError, StoreError
from elimctl.metrics.classes import ClassScores
from elimctl.train import log
from elimctl.train.progress import Report


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def report(step, **losses):
    return Report(step, 9, losses, lr=0.1, images_per_s=1.0)


def test_a_loss_that_a_step_has_not_got_is_empty(tmp_path):
    path = tmp_path / "metrics.csv"
    log.append(path, report(1, total=1.0, main=2.0), steps_per_epoch=2)
    log.append(path, report(2, total=3.0), steps_per_epoch=2)
    assert [row["loss_main"] for row in rows(path)] == ["2.0", ""]
    assert all(None not in row for row in rows(path))


def test_a_loss_that_comes_later_gets_a_column_before_those_of_the_validation(tmp_path):
    path = tmp_path / "metrics.csv"
    log.append(path, report(1, total=1.0), steps_per_epoch=2)
    log.append(path, report(2, total=3.0, main=2.0), steps_per_epoch=2)
    log.append(path, report(3, main=4.0, total=5.0), steps_per_epoch=2)
    assert [row["loss_main"] for row in rows(path)] == ["", "2.0", "4.0"]
    assert [row["loss_total"] for row in rows(path)] == ["1.0", "3.0", "5.0"]


def test_scores_come_last_whenever_they_come(tmp_path):
    path = tmp_path / "metrics.csv"
    scores = ClassScores("val", 4, 0.5, 0.25, 0.125, ("a", "b"), ((1, 1), (1, 1)))
    log.append(path, report(1, total=1.0), steps_per_epoch=2)
    log.append(path, replace(report(2, total=3.0), scores=scores), steps_per_epoch=2)
    log.append(path, report(3, total=3.0, main=1.0), steps_per_epoch=2)
    assert [row["val_accuracy"] for row in rows(path)] == ["", "0.5", ""]
    header = path.read_text().splitlines()[0].split(",")
    assert header[-4:] == ["loss_main", "val_accuracy", "val_balanced_accuracy", "val_macro_f1"]


def test_rewinding_keeps_the_rows_of_steps_that_are_done(tmp_path):
    path = tmp_path / "metrics.csv"
    for step in (1, 2, 3):
        log.append(path, report(step, total=1.0), steps_per_epoch=2)
    log.rewind(path, 2)
    assert [row["step"] for row in rows(path)] == ["1", "2"]
    log.rewind(path, 0)
    assert path.read_text() == ""
    log.append(path, report(1, total=1.0), steps_per_epoch=2)
    assert len(rows(path)) == 1


def test_a_log_is_read_with_its_gaps(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,loss_total\n1,0.5\n2,\n")
    found = log.read(tmp_path / "metrics.csv")
    np.testing.assert_array_equal(found["loss_total"], [0.5, np.nan])
    with pytest.raises(MissingError, match="no step of training"):
        log.read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    "content", [b"step,loss\n1,\xff\n", b"step,loss\n1,\x00\n", b"step\n1,2\n", b'a\n\n"x']
)
def test_a_damaged_log_is_named(tmp_path, content):
    (tmp_path / "metrics.csv").write_bytes(content)
    with pytest.raises(StoreError, match=r"metrics\.csv is damaged: "):
        log.read(tmp_path / "metrics.csv")
