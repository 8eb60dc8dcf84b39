import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elimctl.errors import StoreError
from elimctl.store.shard import Shard, Units, encode, index

CHUNKS = st.lists(st.none() | st.binary(max_size=20), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=CHUNKS)
def test_what_was_encoded_is_read(tmp_path, chunks: list[bytes | None]) -> None:
    file = tmp_path / "shard"
    file.write_bytes(encode(chunks, slots=6))
    if all(chunk is None for chunk in chunks):
        assert not file.stat().st_size
        return
    shard = Shard(file, slots=6)
    found = [shard.fetch(number) for number in range(6)]
    read = [None if chunk is None else chunk.tobytes() for chunk in found]
    assert read == chunks + [None] * (6 - len(chunks))
    assert shard.sizes.tolist() == [-1 if chunk is None else len(chunk) for chunk in read]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chunks=st.lists(st.none() | st.binary(min_size=1, max_size=20), min_size=1, max_size=12))
def test_units_give_the_chunks_of_their_files_in_order(tmp_path, chunks: list[bytes | None]) -> None:
    files = []
    for start in range(0, len(chunks), 3):
        files.append(tmp_path / f"{start}")
        files[-1].write_bytes(encode(chunks[start : start + 3], slots=3))
    units = Units(files, count=len(chunks), shard_images=3)
    assert [None if chunk is None else chunk.tobytes() for chunk in units.chunks()] == chunks
    assert units.chunk_ends().tolist() == np.cumsum([len(chunk or b"") for chunk in chunks]).tolist()


@pytest.mark.parametrize("place", [(0, 2**63), (2**63, 1), (2**64 - 2, 4), (3, 3), (6, 0)])
def test_an_index_that_points_behind_the_file_is_damaged(tmp_path, place: tuple[int, int]) -> None:
    file = tmp_path / "shard"
    file.write_bytes(b"12345" + index(np.array([place], np.uint64)))
    with pytest.raises(StoreError, match="points behind its end"):
        Shard(file, slots=1)


def test_a_changed_index_is_damaged(tmp_path) -> None:
    file = tmp_path / "shard"
    content = bytearray(encode([b"123"], slots=1))
    content[-6] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreError, match="its index was changed"):
        Shard(file, slots=1)
