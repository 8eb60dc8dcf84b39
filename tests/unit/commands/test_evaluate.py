from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elimctl.commands import evaluate
from elimctl.manifest import parquet
from elimctl.workspace import Workspace


@pytest.fixture
def counted(prepared, patterns, tmp_path, monkeypatch):
    """A function that scores some of six people's twelve images, of which the first eight were trained on."""

    def count(rows, *, dataset="patterns", manifest=None, **given):
        people = [number // 2 for number in range(12)]
        columns = {"identity": [f"i{person}" for person in people], "fold": [0] * 12}
        folder = prepared(patterns(people), **(columns | given))
        digest = parquet.digest(folder / parquet.NAME)
        (tmp_path / "runs" / "one").mkdir(parents=True)
        (tmp_path / "runs" / "one" / "run.json").write_text("{}")
        run = SimpleNamespace(
            config=lambda: SimpleNamespace(data=SimpleNamespace(name="patterns")),
            facts=lambda: {"manifest": manifest or digest},
        )
        monkeypatch.setattr(evaluate, "Run", lambda _: run)
        monkeypatch.setattr(evaluate, "training_samples", lambda *_: SimpleNamespace(index=np.arange(8)))
        file = tmp_path / "val.parquet"
        pq.write_table(pa.table({"row": rows}), file)
        found = SimpleNamespace(run="one", dataset=dataset, predictions=file)
        return evaluate.trained_on(Workspace(tmp_path), found)

    return count


@pytest.mark.parametrize(("rows", "wanted"), [(range(8, 12), 0), (range(12), 4), ([7, 8], 1)])
def test_identities_that_were_trained_on_are_counted_once_each(counted, rows, wanted):
    assert counted(list(rows)) == wanted


def test_on_another_dataset_nothing_is_known(counted):
    assert counted([0], dataset="others") is None


def test_of_a_dataset_that_was_prepared_anew_nothing_is_known(counted):
    assert counted([0], manifest="0" * 64) is None


def test_age_groups_are_nobody(counted):
    ages = ["18-30"] * 6 + ["30-40"] * 6
    assert counted([0, 11], identity=ages, age_group=ages) is None


def test_samples_of_no_identity_are_nobody(counted):
    assert counted([6, 7], identity=[*[f"i{number}" for number in range(6)], *["none"] * 6]) == 0
