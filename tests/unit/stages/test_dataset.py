"""Prepared datasets, opened for training."""

import json

import pytest

from elimctl.errors import StoreError
from elimctl.stages.dataset import open_dataset


@pytest.fixture
def folder(prepared, patterns):
    return prepared(patterns([0, 0, 1, 1]))


def test_a_dataset_without_the_identities_that_were_asked_for_is_not_trained_on(folder):
    record = json.loads((folder / "prepare.json").read_text())
    record["settings"]["identities"] = "cluster"  # a preparation was stopped before it looked for them
    (folder / "prepare.json").write_text(json.dumps(record))
    with pytest.raises(StoreError, match="has not got the identities yet"):
        open_dataset(folder)
    (folder / "prepare.json").write_text(json.dumps({**record, "identities": {"mode": "cluster"}}))
    assert open_dataset(folder).table.num_rows == 4


def test_a_dataset_without_its_record_can_be_opened(folder):
    (folder / "prepare.json").unlink()
    assert open_dataset(folder).table.num_rows == 4
