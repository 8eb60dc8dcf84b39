"""What is wrong with raw folders and output folders, seen from the command line."""

import errno
import json
import os
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from elimctl.prepare import lock

# The command line, and then the process's own peak of memory, kB: what `wait4` tells counts the parent's too.
PEAK = """
import sys
from elimctl.cli.main import main
try:
    main()
finally:
    [peak] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
    print(peak, file=sys.stderr)
"""
QUICK = ["--detector", "annotation", "--size", "32", "--workers", "1"]


@pytest.fixture
def copied(raw, tmp_path):
    """The raw dataset, to be spoiled."""
    return Path(shutil.copytree(raw, tmp_path / "raw"))


@pytest.fixture
def prepare(call, tmp_path):
    """Prepare a raw AFEW-VA; returns the manifest's columns."""

    def run(raw, *options):
        assert call("prepare", "afew-va", raw, *QUICK, *options, "--workspace", tmp_path) == 0
        return pq.read_table(tmp_path / "data" / "afew-va" / "manifest.parquet").to_pydict()

    return run


def _write_huge_png(file, side_px):
    """A PNG of black pixels of one bit each; small, for zeros compress well."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + check

    size = side_px.to_bytes(4, "big")
    packer = zlib.compressobj(1)
    row = bytes(1 + (side_px + 7) // 8)  # how the row is filtered, and its pixels
    packed = b"".join([packer.compress(row * 100) for _ in range(side_px // 100)] + [packer.flush()])
    head = chunk(b"IHDR", size + size + bytes([1, 0, 0, 0, 0]))  # 1 bit, gray
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", packed) + chunk(b"IEND", b""))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_an_image_of_900_million_pixels_is_refused_before_it_is_decoded(copied, tmp_path):
    frame = next(copied.rglob("00000.png"))
    _write_huge_png(frame, 30_000)
    assert frame.stat().st_size < 1_000_000
    command = [sys.executable, "-c", PEAK, "prepare", "afew-va", copied, *QUICK, "--json"]
    done = subprocess.run([*command, "--workspace", tmp_path], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["dropped"] == {"unreadable image": 1}
    manifest = pq.read_table(tmp_path / "data" / "afew-va" / "manifest.parquet")
    [reason] = manifest["reason"].drop_null().to_pylist()
    assert "is too large" in reason
    assert "900000000 pixels" in reason
    # Decoded to RGB it would take 2.7 GB; loading all modules takes 0.2.
    assert int(done.stderr.splitlines()[-1]) < 1_000_000


@pytest.mark.skipif(sys.platform == "darwin", reason="its names are UTF-8")
def test_names_that_are_not_utf_8_go_into_the_manifest_as_text(copied, prepare):
    wrapper = Path(os.fsdecode(os.fsencode(copied.parent) + b"/na\xefve"))
    (wrapper / "pa\udce9rt").mkdir(parents=True)
    copied.rename(wrapper / "pa\udce9rt" / "raw")
    manifest = prepare(wrapper)
    assert set(manifest["status"]) == {"kept"}
    assert len(manifest["path"]) == 48
    assert all(path.startswith("pa\\xe9rt/raw/") for path in manifest["path"])


@pytest.mark.skipif(sys.platform == "darwin", reason="its names are UTF-8")
def test_a_loop_of_links_is_read_once(copied, raw, prepare, tmp_path):
    before = prepare(raw)
    clip = next(copied.rglob("00000.png")).parent
    (clip / "up").symlink_to(copied, target_is_directory=True)
    (copied / "here").symlink_to(".", target_is_directory=True)
    (copied / "self").symlink_to("self")
    assert prepare(copied) == before


def test_a_link_to_nowhere_is_an_image_that_is_missing(copied, prepare):
    frame = next(copied.rglob("00000.png"))
    frame.unlink()
    frame.symlink_to("gone.png")
    manifest = prepare(copied)
    assert manifest["status"].count("dropped") == 1
    assert manifest["status"].count("kept") == 47


def test_two_preparations_into_one_folder_are_refused(raw, refused, prepare, tmp_path):
    with lock.hold(tmp_path / "data" / "afew-va"):
        message = refused("prepare", "afew-va", raw, *QUICK, "--workspace", tmp_path)
        assert f"afew-va is being prepared or changed by process {os.getpid()} on " in message
        assert "--name" in message
        assert [file.name for file in (tmp_path / "data" / "afew-va").iterdir()] == [lock.NAME]
    prepare(raw)


def test_an_output_folder_that_cannot_be_written_is_named(raw, refused, tmp_path, monkeypatch):
    data = tmp_path / "data"
    data.mkdir(mode=0o555)
    if os.geteuid() == 0:  # who may write everywhere
        mkdir = Path.mkdir

        def refuse(path, *given, **options):
            if path.parent == data:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            mkdir(path, *given, **options)

        monkeypatch.setattr(Path, "mkdir", refuse)
    message = refused("prepare", "afew-va", raw, *QUICK, "--workspace", tmp_path)
    assert f"permission denied: {data / 'afew-va'}" in message
    assert "check the permissions" in message


@pytest.mark.parametrize("problem", ["layout", "nothing kept", "too few identities", "unknown detector"])
def test_nothing_is_left_of_a_preparation_that_came_to_nothing(refused, copied, tmp_path, problem):
    options = list(QUICK)
    if problem == "layout":
        shutil.rmtree(copied)
        copied.mkdir()
    elif problem == "nothing kept":
        for file in copied.rglob("*.png"):
            file.write_bytes(b"")
    elif problem == "too few identities":
        options += ["--set", "prepare.folds=13"]
    else:
        options[1] = "centreface"
    refused("prepare", "afew-va", copied, *options, "--workspace", tmp_path)
    assert list((tmp_path / "data").iterdir()) == []
