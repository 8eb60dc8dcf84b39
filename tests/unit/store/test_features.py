import errno
import json
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import zarr as plain_zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elimctl.errors import StoreError
from elimctl.manifest import parquet
from elimctl.store import features

FACTS = {"content": "0" * 64, "crop": {"size_px": 16}, "model": "1" * 64}
KEY = features.key(FACTS)
VALUES = np.random.default_rng(0).normal(size=(600, 5)).astype(np.float32)
VALUES[[2, 599]] = np.nan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    batches = (VALUES[start : start + 100] for start in range(0, 600, 100))
    features.write(tmp_path, KEY, batches, attributes={"facts": FACTS, "model": "arcface"})
    return tmp_path


@given(
    facts=st.dictionaries(st.text(max_size=3), st.integers() | st.none() | st.text(max_size=3), min_size=2)
)
def test_a_key_does_not_depend_on_the_order_of_its_facts(facts: dict) -> None:
    again = dict(reversed(facts.items()))
    assert features.key(facts) == features.key(again)
    assert len(features.key(facts)) == 32


def test_every_fact_changes_the_key() -> None:
    keys = {features.key({**FACTS, name: "other"}) for name in [*FACTS, "new"]}
    assert len(keys | {KEY}) == 5


def test_the_content_is_that_of_the_images_in_their_order() -> None:
    assert features.content(["a", None, "b"]) == features.content(iter(["a", None, "b"]))
    others = [["a", "b", None], ["b", None, "a"], ["a", None, "b", None], ["a", "", "b"], ["ab"]]
    assert len({features.content(found) for found in [["a", None, "b"], *others]}) == 6


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    indices=st.lists(st.integers(0, 599), max_size=20)
    | st.tuples(st.integers(0, 599), st.integers(0, 599)).map(lambda ends: list(range(*sorted(ends))))
)
def test_rows_come_in_the_order_asked_for(folder: Path, indices: list[int]) -> None:
    found = features.open(folder, KEY)
    assert found.shape == (600, 5)
    np.testing.assert_array_equal(found.read(indices), VALUES[np.array(indices, int)])


def test_zarr_itself_reads_the_same(folder: Path) -> None:
    array = plain_zarr.open_array(folder / "features" / f"{KEY}.zarr", mode="r")
    np.testing.assert_array_equal(array[:], VALUES)
    assert array.chunks == (256, 5)


def test_what_was_noted_is_found_again(folder: Path) -> None:
    found = features.open(folder, KEY)
    assert features.find(folder) == [KEY]
    assert (found.attributes["facts"], found.attributes["model"]) == (FACTS, "arcface")
    assert found.attributes["format"] == parquet.FORMAT
    found.check()


def test_batches_of_another_size_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    data = folder / "features" / f"{KEY}.zarr" / "c" / "0" / "0"
    before = data.read_bytes()
    features.write(tmp_path, KEY, [VALUES], attributes={"facts": FACTS})
    assert data.read_bytes() == before


def test_a_key_that_is_not_of_the_facts_is_our_mistake(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="stale"):
        features.write(tmp_path, KEY, [VALUES], attributes={"facts": {**FACTS, "model": "2"}})


def test_nothing_is_left_of_features_that_stopped_halfway(folder: Path) -> None:
    def stops():
        yield VALUES[:3]
        raise KeyboardInterrupt

    other = {**FACTS, "model": "2" * 64}
    with pytest.raises(KeyboardInterrupt):
        features.write(folder, features.key(other), stops(), attributes={"facts": other})
    assert features.find(folder) == [KEY]
    assert len(list((folder / "features").iterdir())) == 1


def test_a_full_disk_names_the_features(folder: Path) -> None:
    def fills():
        yield VALUES[:3]
        raise OSError(errno.ENOSPC, "No space left on device")

    other = {**FACTS, "model": "2" * 64}
    with pytest.raises(OSError, match="No space left") as caught:
        features.write(folder, features.key(other), fills(), attributes={"facts": other})
    assert caught.value.filename.endswith(f"{features.key(other)}.zarr")


def test_a_reader_can_be_sent_to_another_process(folder: Path) -> None:
    sent = pickle.loads(pickle.dumps(features.open(folder, KEY)))
    np.testing.assert_array_equal(sent.read([3]), VALUES[[3]])


def test_a_row_outside_is_refused(folder: Path) -> None:
    with pytest.raises(IndexError, match="rows 0 to 600 requested of features of 600 rows"):
        features.open(folder, KEY).read([0, 600])


def test_no_features_hint_at_how_to_get_them(tmp_path: Path) -> None:
    assert features.find(tmp_path) == []
    with pytest.raises(StoreError, match="no features") as caught:
        features.open(tmp_path, KEY)
    assert "extract" in caught.value.hint


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_truncated_file_is_damaged(folder: Path, keep: int) -> None:
    data = folder / "features" / f"{KEY}.zarr" / "c" / "0" / "0"
    data.write_bytes(data.read_bytes()[:keep])
    with pytest.raises(StoreError, match="is damaged"):
        features.open(folder, KEY)


def test_a_changed_value_fails_the_check(folder: Path) -> None:
    data = folder / "features" / f"{KEY}.zarr" / "c" / "0" / "0"
    content = bytearray(data.read_bytes())
    content[1000] ^= 1
    data.write_bytes(content)
    with pytest.raises(StoreError, match="its values changed"):
        features.open(folder, KEY).check()


def test_a_changed_index_fails_the_check(folder: Path) -> None:
    data = folder / "features" / f"{KEY}.zarr" / "c" / "0" / "0"
    content = bytearray(data.read_bytes())
    content[-10] ^= 1  # zarr itself could not read the features
    data.write_bytes(content)
    with pytest.raises(StoreError, match="its index was changed"):
        features.open(folder, KEY).check()


def test_features_under_another_key_fail_the_check(folder: Path) -> None:
    other = features.key({})
    (folder / "features" / f"{KEY}.zarr").rename(folder / "features" / f"{other}.zarr")
    with pytest.raises(StoreError, match="not the key of its facts"):
        features.open(folder, other).check()


def _change(folder: Path, **values: object) -> None:
    file = folder / "features" / f"{KEY}.zarr" / "zarr.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


@pytest.mark.parametrize(
    "values",
    [
        {"shape": [600]},
        {"shape": ["600", 5]},
        {"shape": 3},
        {"attributes": {}},
        {"attributes": {"elimctl": 1}},
    ],
)
def test_broken_metadata_is_damaged(folder: Path, values: dict) -> None:
    _change(folder, **values)
    with pytest.raises(StoreError, match=r"zarr\.json is damaged"):
        features.open(folder, KEY)


def test_newer_features_are_refused(folder: Path) -> None:
    _change(folder, attributes={"elimctl": {"format": parquet.FORMAT + 1}})
    with pytest.raises(StoreError, match="newer elimctl"):
        features.open(folder, KEY)


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    batch = np.ones((1000, 128), np.float32)  # 0.5 MB
    tracemalloc.start()
    features.write(tmp_path, KEY, (batch for _ in range(100)), attributes={"facts": FACTS})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6  # what zarr itself allocates; the features are 51 MB
