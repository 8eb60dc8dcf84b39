"""Prepared datasets, opened for training."""

import json

import numpy as np
import pytest

from elimctl.errors import StoreError
from elimctl.loader.dataset import open_dataset
from elimctl.loader.view import View
from elimctl.train.task import class_names


@pytest.fixture
def folder(prepared, patterns):
    return prepared(patterns([0, 0, 1, 1]))


def test_a_dataset_without_the_identities_that_were_asked_for_is_not_trained_on(folder):
    record = json.loads((folder / "prepare.json").read_text())
    record["settings"]["identities"] = "cluster"  # a preparation was stopped before it looked for them
    (folder / "prepare.json").write_text(json.dumps(record))
    with pytest.raises(StoreError, match="has unfinished identities"):
        open_dataset(folder)
    (folder / "prepare.json").write_text(json.dumps({**record, "identities": {"mode": "cluster"}}))
    assert open_dataset(folder).table.num_rows == 4


def test_a_dataset_without_its_record_can_be_opened(folder):
    (folder / "prepare.json").unlink()
    assert open_dataset(folder).table.num_rows == 4


def test_samples_keep_their_own_labels_identities_and_pixels(prepared, patterns):
    images = patterns([0, 1, 2, 3])
    folder = prepared(
        images,
        status=["kept", "dropped", "kept", "kept"],
        identity=["b", "b", "a", "b"],
        valence=[0.5, None, -0.25, 1.0],
        arousal=[-0.75, None, 0.125, 0.0],
        age=[31.0, None, None, 70.0],
        fold=[0, 0, 1, 0],
    )
    opened = open_dataset(folder)
    found = opened.samples("train", fold=1)
    assert found.index.tolist() == [0, 3]
    assert found.target.tolist() == [[0.5, -0.75], [1.0, 0.0]]  # valence before arousal
    assert opened.samples("all", fold=0).identity.tolist() == [1, 0, 1]
    assert opened.samples("all", fold=0).names == ("a", "b")
    assert found.age.tolist() == [31, 70]
    pixels = opened.pixels(found.index, View(32, 64))  # the middle, red, green and blue
    np.testing.assert_array_equal(pixels, images[[0, 3], 16:48, 16:48].transpose(0, 3, 1, 2))


def test_classes_are_coded_in_affectnets_order_and_others_by_name_after_them(prepared, patterns):
    words = ["fear", "awe", "none", "happiness", "boredom", "neutral"]
    labels = [0.0] * 6
    opened = open_dataset(
        prepared(patterns([0] * 6), expression=words, valence=labels, arousal=labels, fold=[0] * 6)
    )
    names = class_names(opened.table)
    assert names == ("neutral", "happiness", "fear", "awe", "boredom")
    found = opened.samples("all", fold=0, classes=names)
    assert found.index.tolist() == [0, 1, 3, 4, 5]  # `none` is no expression
    assert found.classes.tolist() == [2, 3, 1, 4, 0]
