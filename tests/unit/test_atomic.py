import pytest

from elimctl import atomic


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    file = tmp_path / "file"
    atomic.write_text(file, "old")

    def write_half():
        with atomic.replacing(file) as beside:
            beside.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_written_file_replaces_the_old_one_and_makes_its_folder(tmp_path):
    file = tmp_path / "new" / "file"
    atomic.write_text(file, "old")
    atomic.write_bytes(file, b"new")
    assert file.read_bytes() == b"new"
    assert list(file.parent.iterdir()) == [file]
