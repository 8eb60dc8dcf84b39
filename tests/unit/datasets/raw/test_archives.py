import errno
import fcntl
import io
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elimctl import plugins
from elimctl.datasets import afew_va
from elimctl.datasets.raw import archive_sets, archive_unpack, archives, files
from elimctl.datasets.raw.archive_members import ArchiveError
from elimctl.errors import LayoutError, MissingError, Notice
from elimctl.manifest.row import Row
from elimctl.synthetic import afew_va as synthetic


def _zip(file: Path, members: dict[str, bytes | str | None]) -> Path:
    """A zip; None makes a folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, b"" if content is None else content)
    return file


def _tar(file: Path, members: dict[str, bytes | tarfile.TarInfo], *, mode: str = "w") -> Path:
    """A tar; a header as content is a member without content."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, mode) as made:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                made.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return file


def _header(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def _content(root: Path) -> dict[str, bytes]:
    """Files that a reader finds under a root."""
    return {
        (folder / name).relative_to(root).as_posix(): (folder / name).read_bytes()
        for folder, names in files.walk(root)
        for name in names
    }


def _everything(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


class TestMirror:
    def test_a_root_without_archives_is_read_itself(self, raw: Path, cache: Path) -> None:
        (raw / "x.png").touch()
        (raw / "x.rar").touch()
        assert archives.mirror(raw, cache) == raw
        assert not cache.exists()

    def test_archives_become_folders_and_the_rest_stays(self, raw: Path, cache: Path) -> None:
        _zip(raw / "a" / "b" / "x.zip", {"in/1": b"one"})
        _tar(raw / "a" / "y.tar", {"2": b"two"})
        (raw / "a" / "beside").write_bytes(b"three")
        (raw / "plain" / "deep").mkdir(parents=True)
        (raw / "plain" / "deep" / "4").write_bytes(b"four")
        found = archives.mirror(raw, cache)
        assert _content(found) == {
            "a/b/x.zip/in/1": b"one",
            "a/y.tar/2": b"two",
            "a/beside": b"three",
            "plain/deep/4": b"four",
        }
        assert (found / "plain").is_symlink()
        assert not (found / "a" / "b").is_symlink()

    @pytest.mark.parametrize(
        ("name", "mode"),
        [
            ("x.tar", "w"),
            ("x.tar.gz", "w:gz"),
            ("x.tgz", "w:gz"),
            ("x.tar.bz2", "w:bz2"),
            ("x.tar.xz", "w:xz"),
            ("X.TAR.GZ", "w:gz"),
            ("unzipped by a browser.tar.gz", "w"),
        ],
    )
    def test_every_kind_of_tar_is_unpacked(self, raw: Path, cache: Path, name: str, mode: str) -> None:
        _tar(
            raw / name,
            {"./a/": _header("./a", tarfile.DIRTYPE), "./a/1": b"one", "2": b"x" * 1024},
            mode=mode,
        )
        assert _content(archives.mirror(raw, cache)) == {f"{name}/a/1": b"one", f"{name}/2": b"x" * 1024}

    def test_archives_within_an_archive_are_unpacked(self, raw: Path, cache: Path, tmp_path: Path) -> None:
        inner = _tar(tmp_path / "train.tar.gz", {"valence/102.txt": b"0.1\n"}, mode="w:gz")
        other = _zip(tmp_path / "videos.zip", {"102.avi": b"video"})
        members = {
            "annotations/train.tar.gz": inner.read_bytes(),
            "videos.zip": other.read_bytes(),
            "read me": b"",
        }
        _tar(raw / "aff_wild.tar.gz", members, mode="w:gz")
        found = archives.mirror(raw, cache)
        assert _content(found) == {
            "aff_wild.tar.gz/annotations/train.tar.gz/valence/102.txt": b"0.1\n",
            "aff_wild.tar.gz/videos.zip/102.avi": b"video",
            "aff_wild.tar.gz/read me": b"",
        }

    def test_a_root_may_be_an_archive(self, raw: Path, cache: Path) -> None:
        _zip(raw / "basic.zip", {"Image/": None, "Image/1.jpg": b"one"})
        assert _content(archives.mirror(raw / "basic.zip", cache)) == {"Image/1.jpg": b"one"}

    def test_a_root_that_is_another_file_or_nothing_is_refused(self, raw: Path, cache: Path) -> None:
        (raw / "x.csv").touch()
        with pytest.raises(LayoutError, match=r"x\.csv is a file"):
            archives.mirror(raw / "x.csv", cache)
        with pytest.raises(MissingError, match="no folder"):
            archives.mirror(raw / "y.zip", cache)

    @pytest.mark.parametrize(("archive", "folder"), [("aligned.zip", "aligned"), ("train.tar.gz", "train")])
    def test_an_archive_that_was_unpacked_by_hand_is_left_alone(
        self, raw: Path, cache: Path, archive: str, folder: str
    ) -> None:
        (raw / archive).write_bytes(b"no archive at all")
        (raw / folder).mkdir()
        (raw / folder / "1").touch()
        assert archives.mirror(raw, cache) == raw
        _zip(raw / "other.zip", {"2": b""})
        assert set(_content(archives.mirror(raw, cache))) == {f"{folder}/1", "other.zip/2"}

    def test_an_empty_folder_beside_an_archive_is_not_its_content(self, raw: Path, cache: Path) -> None:
        _zip(raw / "x.zip", {"1": b"one"})
        (raw / "x").mkdir()
        (raw / "x" / ".DS_Store").touch()
        assert _content(archives.mirror(raw, cache)) == {"x.zip/1": b"one"}

    def test_junk_is_neither_unpacked_nor_linked(self, raw: Path, cache: Path) -> None:
        _zip(raw / "x.zip", {"__MACOSX/._1": b"", "a/.DS_Store": b"", "._1": b"", "Thumbs.db": b"", "1": b""})
        _zip(raw / "__MACOSX" / "y.zip", {"2": b""})
        (raw / ".DS_Store").touch()
        found = archives.mirror(raw, cache)
        assert _everything(found) == {"x.zip"}
        assert _everything(found / "x.zip") == {"1"}

    def test_members_are_told_as_they_come(self, raw: Path, cache: Path) -> None:
        _zip(raw / "x.zip", {"a/1": b"", "2": b""})
        told: list[str] = []
        archives.mirror(raw, cache, on_member=told.append)
        archives.mirror(raw, cache, on_member=told.append)
        assert told == ["a/1", "2"]

    def test_loops_of_links_end_and_nothing_is_there_twice(self, raw: Path, cache: Path) -> None:
        _zip(raw / "a" / "x.zip", {"1": b"one"})
        (raw / "b" / "c").mkdir(parents=True)
        (raw / "b" / "c" / "2").write_bytes(b"two")
        (raw / "b" / "c" / "loop").symlink_to(raw)
        (raw / "again").symlink_to(raw / "b")
        assert sorted(_content(archives.mirror(raw, cache)).values()) == [b"one", b"two"]

    def test_an_archive_behind_a_link_is_unpacked(self, raw: Path, cache: Path, tmp_path: Path) -> None:
        _zip(tmp_path / "disk" / "x.zip", {"1": b"one"})
        (raw / "linked").symlink_to(tmp_path / "disk")
        assert _content(archives.mirror(raw, cache)) == {"linked/x.zip/1": b"one"}

    def test_a_relative_root_and_cache_work(
        self, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _zip(raw / "x.zip", {"1": b"one"})
        (raw / "2").write_bytes(b"two")
        monkeypatch.chdir(raw)
        found = archives.mirror(Path(), Path("../cache"))
        assert _content(found) == {"x.zip/1": b"one", "2": b"two"}

    def test_a_hidden_cache_within_the_root_is_no_part_of_it(self, raw: Path) -> None:
        _zip(raw / "x.zip", {"1": b"one"})
        for _ in range(2):
            assert _content(archives.mirror(raw, raw / "data" / ".unpacked")) == {"x.zip/1": b"one"}

    def test_afew_va_packed_by_parts_is_read_as_unpacked(
        self, raw: Path, cache: Path, tmp_path: Path
    ) -> None:
        plain = tmp_path / "plain"
        options = synthetic.Options(people=2, clips=4, frames=2, layout="flat")
        synthetic.write(plain, np.random.default_rng(0), options)
        for part, clips in (("01", ("001", "002")), ("02", ("003", "004"))):
            members = {
                f"{clip}/{file.name}": file.read_bytes()
                for clip in clips
                for file in (plain / clip).iterdir()
            }
            _zip(raw / f"{part}.zip", members)
        expected = list(afew_va.read(plain, afew_va.Options()))
        found = list(afew_va.read(archives.mirror(raw, cache), afew_va.Options()))
        assert [row.path for row in found] == [
            f"{1 if row.clip < '003' else 2:02d}.zip/{row.path}" for row in expected
        ]
        for row, other in zip(found, expected, strict=True):
            assert row.landmarks is not None
            np.testing.assert_array_equal(row.landmarks, other.landmarks)
            assert replace(row, path="", landmarks=None) == replace(other, path="", landmarks=None)

    @pytest.mark.parametrize("name", plugins.names("datasets"))
    def test_every_dataset_is_read_from_one_archive_as_from_its_folder(
        self, raw: Path, cache: Path, tmp_path: Path, name: str
    ) -> None:
        plugin = plugins.find("datasets", name)
        drawing = plugins.find("synthetic", name)
        made = drawing.Options(people=2, clips=2, frames=1)
        drawing.write(tmp_path / "plain", np.random.default_rng(0), made)
        shutil.make_archive(os.fspath(raw / "all"), "zip", tmp_path / "plain")

        def facts(row: Row, path: str) -> tuple[object, ...]:
            return path, row.identity, row.clip, row.frame, row.valence, row.expression, row.split, row.reason

        expected = [
            facts(row, f"all.zip/{row.path}") for row in plugin.read(tmp_path / "plain", plugin.Options())
        ]
        found = [facts(row, row.path) for row in plugin.read(archives.mirror(raw, cache), plugin.Options())]
        assert found == expected


class TestCache:
    def test_what_was_unpacked_is_used_again(self, raw: Path, cache: Path) -> None:
        _zip(raw / "x.zip", {"1": b"one"})
        first = archives.mirror(raw, cache)
        made_ns = (first / "x.zip" / "1").stat().st_mtime_ns
        assert archives.mirror(raw, cache) == first
        assert (first / "x.zip" / "1").stat().st_mtime_ns == made_ns

    def test_a_changed_archive_is_unpacked_anew(self, raw: Path, cache: Path) -> None:
        file = _zip(raw / "x.zip", {"1": b"one"})
        first = archives.mirror(raw, cache)
        _zip(file, {"1": b"two"})
        os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))  # clocks of file systems tick slowly
        second = archives.mirror(raw, cache)
        assert _content(first) == {"x.zip/1": b"one"}
        assert _content(second) == {"x.zip/1": b"two"}

    @pytest.mark.parametrize("way", ["in place", "renamed"])
    @pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
    def test_an_archive_of_equal_name_size_and_time_is_unpacked_anew(
        self, raw: Path, cache: Path, name: str, way: str
    ) -> None:
        def pack(file: Path, content: bytes) -> None:
            if name == "x.zip":
                with zipfile.ZipFile(file, "w") as made:
                    made.writestr(zipfile.ZipInfo("1"), content)
            else:
                _tar(file, {"1": content}, mode="w" if name == "x.tar" else "w:gz")
            os.utime(file, ns=(0, 10**18))

        pack(raw / name, b"valence,0.3")
        size = (raw / name).stat().st_size
        first = archives.mirror(raw, cache)
        time.sleep(0.02)  # clocks of file systems tick slowly
        (raw.parent / "new").mkdir()
        second = raw / name if way == "in place" else raw.parent / "new" / name
        pack(second, b"valence,0.7")
        second.rename(raw / name)
        assert ((raw / name).stat().st_size, (raw / name).stat().st_mtime_ns) == (size, 10**18)
        assert _content(first) == {f"{name}/1": b"valence,0.3"}
        assert _content(archives.mirror(raw, cache)) == {f"{name}/1": b"valence,0.7"}

    def test_a_zip_that_was_copied_or_touched_is_not_unpacked_again(self, raw: Path, cache: Path) -> None:
        file = _zip(raw / "x.zip", {"1": b"one"})
        first = archives.mirror(raw, cache)
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
        os.utime(file, ns=(0, 5))
        assert archives.mirror(raw, cache) == first

    @pytest.mark.parametrize("name", ["x.zip", "x.tar"])
    def test_force_replaces_what_was_unpacked(self, raw: Path, cache: Path, name: str) -> None:
        (_zip if name == "x.zip" else _tar)(raw / name, {"1": b"one"})
        first = archives.mirror(raw, cache)
        (first / name / "1").write_bytes(b"changed in the cache")
        assert _content(archives.mirror(raw, cache)) == {f"{name}/1": b"changed in the cache"}
        assert archives.mirror(raw, cache, force=True) == first
        assert _content(first) == {f"{name}/1": b"one"}
        assert not list(cache.glob(".*.tmp"))

    def test_an_archive_that_changes_while_it_is_unpacked_is_refused(self, raw: Path, cache: Path) -> None:
        file = _tar(raw / "x.tar", {"1": b"one", "2": b"two"})
        with pytest.raises(ArchiveError, match=r"x\.tar changed while it was unpacked"):
            archives.mirror(raw, cache, on_member=lambda _: os.utime(file, ns=(0, 5)))
        assert _everything(cache) == {".lock"}
        assert _content(archives.mirror(raw, cache)) == {"x.tar/1": b"one", "x.tar/2": b"two"}

    def test_without_locks_each_process_unpacks_its_own_and_a_notice_tells(
        self, raw: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _zip(raw / "x.zip", {"1": b"one"})

        def refuse(*_: object) -> None:
            raise OSError(errno.ENOLCK, "No locks available")

        def other(_: str) -> None:
            """Another process unpacks the same in the meantime, and must not lose what it has so far."""
            [beside] = cache.glob(".*.tmp")
            beside.rename(beside.with_name(beside.name.replace(f".{os.getpid()}.", ".1.")))
            with pytest.warns(Notice):
                archives.mirror(raw, cache)
            [left] = cache.glob(".*.tmp")
            left.rename(beside)

        monkeypatch.setattr(fcntl, "flock", refuse)
        with pytest.warns(Notice, match=r"without locks \(no locks available\): run one elimctl at a time"):
            found = archives.mirror(raw, cache, on_member=other)
        assert _content(found) == {"x.zip/1": b"one"}
        assert not list(cache.glob(".*.tmp"))

    def test_files_that_come_later_are_seen_and_nothing_is_unpacked_again(
        self, raw: Path, cache: Path
    ) -> None:
        _zip(raw / "x.zip", {"1": b"one"})
        archives.mirror(raw, cache)
        (raw / "2").write_bytes(b"two")
        _zip(raw / "y.zip", {"3": b"three"})
        told: list[str] = []
        found = archives.mirror(raw, cache, on_member=told.append)
        assert _content(found) == {"x.zip/1": b"one", "2": b"two", "y.zip/3": b"three"}
        assert told == ["3"]

    def test_an_error_leaves_nothing_half(
        self, raw: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _zip(raw / "x.zip", {"1": b"one", "2": b"two"})

        def full(name: str) -> None:
            if name == "2":
                raise OSError(28, "No space left on device")  # as write() has it: no file is named

        with pytest.raises(OSError, match="No space left on device") as caught:
            archives.mirror(raw, cache, on_member=full)
        assert caught.value.filename == os.fspath(cache)
        assert _everything(cache) == {".lock"}
        assert _content(archives.mirror(raw, cache)) == {"x.zip/1": b"one", "x.zip/2": b"two"}

    def test_a_killed_unpacking_is_done_again_and_a_finished_one_is_not(self, raw: Path, cache: Path) -> None:
        _zip(raw / "a.zip", {"1": b"one"})
        _zip(raw / "b.zip", {"2": b"two", "3": b"three"})
        script = (
            "import sys, os, signal; from pathlib import Path; from elimctl.datasets.raw import archives\n"
            "kill = lambda name: name == '3' and os.kill(os.getpid(), signal.SIGKILL)\n"
            "archives.mirror(Path(sys.argv[1]), Path(sys.argv[2]), on_member=kill)"
        )
        killed = subprocess.run([sys.executable, "-c", script, raw, cache], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert len(list(cache.glob(".*.tmp"))) == 1
        told: list[str] = []
        found = archives.mirror(raw, cache, on_member=told.append)
        assert told == ["2", "3"]
        assert _content(found) == {"a.zip/1": b"one", "b.zip/2": b"two", "b.zip/3": b"three"}
        assert not list(cache.glob(".*.tmp"))

    def test_of_two_processes_one_unpacks_and_the_other_waits(self, raw: Path, cache: Path) -> None:
        _zip(raw / "x.zip", {str(number): b"x" for number in range(40)})
        script = (
            "import sys, time; from pathlib import Path; from elimctl.datasets.raw import archives\n"
            "told = []\n"
            "slow = lambda name: told.append(name) or time.sleep(0.01)\n"
            "archives.mirror(Path(sys.argv[1]), Path(sys.argv[2]), on_member=slow)\n"
            "print(len(told))"
        )
        command = [sys.executable, "-c", script, raw, cache]
        both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        assert sorted(int(process.communicate()[0]) for process in both) == [0, 40]

    def test_a_file_system_without_links_is_named(
        self, raw: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _zip(raw / "x.zip", {"1": b"one"})

        def refuse(*_: object, **__: object) -> None:
            raise OSError(95, "Operation not supported")

        monkeypatch.setattr(Path, "symlink_to", refuse)
        with pytest.raises(ArchiveError, match="cannot create a link to"):
            archives.mirror(raw, cache)


DRIVE = "Name-20260101T101010Z"


class TestSplitDownload:
    """A folder as Google Drive packs it: several zips, each with a part of the files."""

    FILES: ClassVar = {"Name/labels.csv": b"labels", "Name/1.png": b"one", "Name/deep/2.png": b"second"}

    def _parts(self, folder: Path, pattern: str = f"{DRIVE}-{{:03}}.zip") -> None:
        for number, (name, content) in enumerate(self.FILES.items(), 1):
            _zip(folder / pattern.format(number), {name: content})

    def _unpack(self, folder: Path) -> None:
        for name, content in self.FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    def test_beside_its_folder_it_is_no_second_copy(self, raw: Path, cache: Path) -> None:
        self._parts(raw)
        self._unpack(raw)
        with pytest.warns(Notice) as told:
            assert archives.mirror(raw, cache) == raw
        [only] = told
        zips = f"{DRIVE}-001.zip and 2 more in {raw}"
        assert str(only.message) == f"{zips} ignored, because it is already unpacked in {raw / 'Name'}"

    def test_within_its_folder_it_is_no_second_copy(self, raw: Path, cache: Path) -> None:
        self._unpack(raw)
        self._parts(raw / "Name")
        with pytest.warns(Notice, match="ignored"):
            assert archives.mirror(raw, cache) == raw
        with pytest.warns(Notice, match="ignored"):
            assert archives.mirror(raw / "Name", cache) == raw / "Name"

    @pytest.mark.parametrize("name", ["x.zip", f"{DRIVE}-001.zip"])
    def test_any_zip_whose_files_lie_beside_it_is_passed_over(
        self, raw: Path, cache: Path, name: str
    ) -> None:
        _zip(raw / name, {**self.FILES, "__MACOSX/._1": b"junk", "Name/": None})
        self._unpack(raw)
        _zip(raw / "other.zip", {"3": b"three"})
        with pytest.warns(Notice, match=rf"{name} in .* ignored"):
            found = _content(archives.mirror(raw, cache))
        assert found == {**self.FILES, "other.zip/3": b"three"}

    @pytest.mark.parametrize(
        "pattern",
        [f"{DRIVE}-{{:03}}.zip", f"{DRIVE}-3-{{:03}}.zip", "drive-download-20260101T101010Z-{:03}.ZIP"],
    )
    def test_without_its_folder_all_parts_are_one_archive(self, raw: Path, cache: Path, pattern: str) -> None:
        self._parts(raw / "a", pattern)
        name = pattern.lower().partition("z-")[0].replace("name", "Name").replace("t1", "T1") + "Z.zip"
        assert _content(archives.mirror(raw, cache)) == {
            f"a/{name}/{file}": content for file, content in self.FILES.items()
        }

    def test_naming_one_part_reads_all(self, raw: Path, cache: Path) -> None:
        self._parts(raw)
        assert _content(archives.mirror(raw / f"{DRIVE}-002.zip", cache)) == self.FILES

    def test_a_part_that_changes_is_unpacked_anew(self, raw: Path, cache: Path) -> None:
        self._parts(raw)
        archives.mirror(raw, cache)
        _zip(raw / f"{DRIVE}-001.zip", {"Name/labels.csv": b"others"})
        assert _content(archives.mirror(raw, cache))[f"{DRIVE}.zip/Name/labels.csv"] == b"others"

    def test_two_downloads_stay_two(self, raw: Path, cache: Path) -> None:
        self._parts(raw)
        self._parts(raw, "Name-20260202T101010Z-{:03}.zip")
        assert len(_content(archives.mirror(raw, cache))) == 2 * len(self.FILES)

    def test_a_part_that_was_downloaded_twice_counts_once(self, raw: Path, cache: Path) -> None:
        self._parts(raw)
        shutil.copy(raw / f"{DRIVE}-002.zip", raw / f"{DRIVE}-002 (1).zip")
        assert len(_content(archives.mirror(raw, cache))) == len(self.FILES)

    def test_a_missing_part_is_told(self, raw: Path, cache: Path) -> None:
        self._parts(raw)
        (raw / f"{DRIVE}-002.zip").unlink()
        with pytest.warns(Notice, match=rf"part 2 of .*{DRIVE}\.zip is missing"):
            assert len(_content(archives.mirror(raw, cache))) == 2

    @pytest.mark.parametrize("change", ["lacking", "cut short"])
    def test_a_folder_that_is_unpacked_in_part_is_refused(self, raw: Path, cache: Path, change: str) -> None:
        self._parts(raw)
        self._unpack(raw)
        if change == "lacking":
            (raw / "Name" / "deep" / "2.png").unlink()
        else:
            (raw / "Name" / "deep" / "2.png").write_bytes(b"sec")
        with pytest.raises(ArchiveError) as caught:
            archives.mirror(raw, cache)
        assert caught.value.message == (
            f"{DRIVE}-001.zip and 2 more in {raw}: unpacked beside it only in part; 1 of 3 files "
            "missing or of another size, such as Name/deep/2.png"
        )
        assert str(raw / "Name") in str(caught.value.hint)

    def test_a_folder_of_the_same_name_with_other_files_is_another_part(self, raw: Path, cache: Path) -> None:
        _zip(raw / "part2.zip", {"images/2.png": b"two"})
        (raw / "images").mkdir()
        (raw / "images" / "1.png").write_bytes(b"one")
        assert _content(archives.mirror(raw, cache)) == {
            "images/1.png": b"one",
            "part2.zip/images/2.png": b"two",
        }

    def test_a_file_that_lies_in_both_does_not_make_an_archive_unpacked(self, raw: Path, cache: Path) -> None:
        _zip(raw / "x.zip", {"README": b"same", "a/1": b"one"})
        (raw / "README").write_bytes(b"same")
        assert _content(archives.mirror(raw, cache)) == {
            "README": b"same",
            "x.zip/README": b"same",
            "x.zip/a/1": b"one",
        }


def _refusal(raw: Path, cache: Path) -> ArchiveError:
    """The error of a mirror, after which nothing is in the cache and nothing beside it."""
    before = _everything(raw.parent) - _everything(cache)
    with pytest.raises(ArchiveError) as caught:
        archives.mirror(raw, cache)
    assert _everything(cache) <= {".lock"}  # damage of a zip is found before the cache is touched
    assert _everything(raw.parent) - {"cache", "cache/.lock"} == before
    assert caught.value.hint
    assert "x." in caught.value.message
    return caught.value


class TestAttacks:
    OUTSIDE = (
        "/etc/evil",
        "../evil",
        "a/../../evil",
        "a/..",
        "C:\\evil",
        "c:evil",
        "..\\evil",
        "\\\\host\\evil",
        "//evil",
    )

    @pytest.mark.parametrize("name", OUTSIDE)
    def test_no_member_of_a_zip_leaves_the_folder(self, raw: Path, cache: Path, name: str) -> None:
        _zip(raw / "x.zip", {"1": b"one", name: b"evil"})
        assert "outside" in _refusal(raw, cache).message

    @pytest.mark.parametrize("name", OUTSIDE)
    def test_no_member_of_a_tar_leaves_the_folder(self, raw: Path, cache: Path, name: str) -> None:
        _tar(raw / "x.tar", {"1": b"one", name: b"evil"})
        assert "outside" in _refusal(raw, cache).message

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
    @pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "..", "C:\\x"])
    def test_no_link_of_a_tar_leads_outside(self, raw: Path, cache: Path, kind: bytes, target: str) -> None:
        _tar(raw / "x.tar", {"a/1": b"one", "link": _header("link", kind, target)})
        assert "out" in _refusal(raw, cache).message

    @pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd"])
    def test_no_link_of_a_zip_leads_outside(self, raw: Path, cache: Path, target: str) -> None:
        with zipfile.ZipFile(raw / "x.zip", "w") as file:
            info = zipfile.ZipInfo("link")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            file.writestr(info, target)
        assert "points outside the archive" in _refusal(raw, cache).message

    def test_nothing_is_written_through_a_link(self, raw: Path, cache: Path) -> None:
        _tar(raw / "x.tar", {"d": _header("d", tarfile.SYMTYPE, "."), "d/1": b"one"})
        assert "'d'" in _refusal(raw, cache).message

    @pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
    def test_devices_and_pipes_are_refused(self, raw: Path, cache: Path, kind: bytes) -> None:
        _tar(raw / "x.tar", {"odd": _header("odd", kind)})
        assert "'odd', which is neither a file, a folder nor a link" in _refusal(raw, cache).message

    def test_a_pipe_in_a_zip_is_refused(self, raw: Path, cache: Path) -> None:
        with zipfile.ZipFile(raw / "x.zip", "w") as file:
            info = zipfile.ZipInfo("odd")
            info.external_attr = (stat.S_IFIFO | 0o666) << 16
            file.writestr(info, b"")
        assert "'odd', which is neither a file, a folder nor a link" in _refusal(raw, cache).message

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_a_member_that_is_there_twice_is_refused(self, raw: Path, cache: Path) -> None:
        with zipfile.ZipFile(raw / "x.zip", "w") as file:
            file.writestr("a/1", b"one")
            file.writestr("a/./1", b"two")
        assert "'a/1' twice" in _refusal(raw, cache).message

    @pytest.mark.parametrize("names", [("a", "a/1"), ("a/1", "a")])
    def test_a_file_that_is_a_folder_too_is_refused(
        self, raw: Path, cache: Path, names: tuple[str, str]
    ) -> None:
        _tar(raw / "x.tar", dict.fromkeys(names, b"one"))
        assert "twice, or as a file and as a folder" in _refusal(raw, cache).message

    def test_a_bomb_is_refused_by_what_it_declares(
        self, raw: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive_unpack, "RATIO_FREE_BYTES", 1 << 16)
        _zip(raw / "x.zip", {"1": bytes(1 << 20)})
        assert "over 100 times its size" in _refusal(raw, cache).message

    def test_a_bomb_is_refused_by_what_it_gives(
        self, raw: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive_unpack, "RATIO_FREE_BYTES", 1 << 16)
        _tar(raw / "x.tar.xz", {"1": bytes(1 << 20)}, mode="w:xz")
        assert "over 100 times its size" in _refusal(raw, cache).message

    def test_a_bomb_within_an_archive_counts_against_the_whole(
        self, raw: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive_unpack, "RATIO_FREE_BYTES", 1 << 16)
        level = tmp_path / "0.zip"
        _zip(level, {"1": bytes(64 << 10)})
        _zip(raw / "x.zip", {f"{number}.zip": level.read_bytes() for number in range(64)})
        assert "over 100 times its size" in _refusal(raw, cache).message

    def test_an_archive_that_the_disk_cannot_hold_is_refused(
        self, raw: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _zip(raw / "x.zip", {"1": os.urandom(1 << 20)})
        monkeypatch.setattr(archive_unpack, "RESERVE_BYTES", 64_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=60_000_000))
        error = _refusal(raw, cache)
        assert (
            f"x.zip unpacks to 1.05 MB or more; 60 MB are free in {cache}, of which elimctl keeps 64 MB free"
            in error.message
        )
        assert error.hint == "free 5.05 MB or more, or choose another folder with --workspace"

    @pytest.mark.parametrize("name", ["a/" * 2000 + "b", "a" * 300 + ".jpg", "\u00e4" * 130])
    def test_a_path_that_no_disk_takes_is_refused(self, raw: Path, cache: Path, name: str) -> None:
        _zip(raw / "x.zip", {name: b""})
        assert "a path that is too long" in _refusal(raw, cache).message

    def test_an_archive_nested_twice_is_refused(self, raw: Path, cache: Path, tmp_path: Path) -> None:
        inner = _zip(tmp_path / "0.zip", {"1": b"one"})
        middle = _zip(tmp_path / "1.zip", {"in.zip": inner.read_bytes()})
        _zip(raw / "x.zip", {"a/y.zip": middle.read_bytes()})
        error = _refusal(raw, cache)
        assert (
            f"a/y.zip in {raw / 'x.zip'} is nested too deep: it holds another archive, in.zip"
            in error.message
        )


class TestDamage:
    def test_an_encrypted_zip_asks_for_its_password(self, raw: Path, cache: Path) -> None:
        file = _zip(raw / "x.zip", {"1": b"one"})
        content = bytearray(file.read_bytes())
        for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # the standard library cannot encrypt
            content[content.index(signature) + flags] |= 1
        file.write_bytes(content)
        error = _refusal(raw, cache)
        assert "is encrypted" in error.message
        assert "with its password" in str(error.hint)

    def test_an_unknown_compression_says_so(self, raw: Path, cache: Path) -> None:
        file = _zip(raw / "x.zip", {"1": b"one"})
        content = bytearray(file.read_bytes())
        for signature, method in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
            content[content.index(signature) + method] = 9  # Deflate64, as Windows packs what is large
        file.write_bytes(content)
        assert "uses a format that elimctl cannot read" in _refusal(raw, cache).message

    @pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
    @pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>" * 100])
    def test_what_is_no_archive_is_named(self, raw: Path, cache: Path, name: str, content: bytes) -> None:
        (raw / name).write_bytes(content)
        error = _refusal(raw, cache)
        assert f"{name} is damaged or not an archive" in error.message
        assert "download" in str(error.hint)

    def test_damage_within_an_archive_names_both(self, raw: Path, cache: Path) -> None:
        _zip(raw / "x.zip", {"a/y.tar": b"no tar"})
        assert f"a/y.tar in {raw / 'x.zip'} is damaged" in _refusal(raw, cache).message

    @pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
    @pytest.mark.parametrize("kept", [0.1, 0.5, 0.8])
    def test_a_truncated_tar_is_never_taken_for_whole(
        self, raw: Path, cache: Path, mode: str, kept: float
    ) -> None:
        members = {str(number): os.urandom(700) for number in range(40)}
        file = _tar(raw / "x.tar", members, mode=mode)
        os.truncate(file, int(kept * file.stat().st_size))
        assert "is damaged" in _refusal(raw, cache).message

    def test_a_tar_that_ends_between_two_members_is_never_taken_for_whole(
        self, raw: Path, cache: Path
    ) -> None:
        file = _tar(raw / "x.tar", {"1": b"x" * 512, "2": b"x" * 512})
        os.truncate(file, 2 * 1024)  # a header and a block for each, and not the two blocks at the end
        assert "is damaged" in _refusal(raw, cache).message

    @pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar.xz", "x.tar.bz2"])
    def test_a_changed_byte_is_never_taken_for_data(self, raw: Path, cache: Path, name: str) -> None:
        content = os.urandom(20_000)
        modes = {"gz": "w:gz", "xz": "w:xz", "bz2": "w:bz2"}
        kind = name.rpartition(".")[2]
        file = (
            _zip(raw / name, {"1": content})
            if kind == "zip"
            else _tar(raw / name, {"1": content}, mode=modes[kind])
        )
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
        assert "is damaged" in _refusal(raw, cache).message

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(name=st.sampled_from(["x.zip", "x.tar", "x.tar.gz"]), data=st.data())
    def test_whatever_the_bytes_nothing_but_our_own_error_comes(
        self, tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
    ) -> None:
        base = tmp_path_factory.mktemp("fuzz")
        (base / "raw").mkdir()
        members: dict[str, bytes] = {"a/1": b"one" * 50, "2": b"two", "b/3": b""}
        file = base / "raw" / name
        if name == "x.zip":
            _zip(file, members)
        else:
            _tar(file, members, mode="w" if name == "x.tar" else "w:gz")
        content = bytearray(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        try:
            archives.mirror(file, base / "cache")
        except ArchiveError:
            assert _everything(base / "cache") <= {".lock"}
        assert {path.name for path in base.iterdir()} <= {"raw", "cache"}


class TestNames:
    def test_names_without_the_utf8_flag_are_read_all_the_same(self, raw: Path, cache: Path) -> None:
        file = _zip(raw / "x.zip", {"123456": b"utf-8", "ab": b"cp437"})
        content = file.read_bytes().replace(b"123456", "人脸".encode()).replace(b"ab", b"\x81\x94")
        file.write_bytes(content)
        assert _content(archives.mirror(raw, cache)) == {"x.zip/人脸": b"utf-8", "x.zip/üö": b"cp437"}

    def test_names_of_a_tar_that_are_not_utf8_become_text(self, raw: Path, cache: Path) -> None:
        with tarfile.open(raw / "x.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as file:
            file.addfile(tarfile.TarInfo("\x81"))
        names = set(_content(archives.mirror(raw, cache)))
        assert names == {"x.tar/ü"}

    def test_backslashes_part_folders(self, raw: Path, cache: Path) -> None:
        _zip(raw / "x.zip", {"a\\b\\1": b"one", "a\\c\\": b""})
        found = archives.mirror(raw, cache)
        assert _content(found) == {"x.zip/a/b/1": b"one"}
        assert (found / "x.zip" / "a" / "c").is_dir()

    def test_links_within_an_archive_become_files(self, raw: Path, cache: Path) -> None:
        members = {
            "a/1": b"one",
            "hard": _header("hard", tarfile.LNKTYPE, "a/1"),
            "b/soft": _header("b/soft", tarfile.SYMTYPE, "../hard"),
        }
        _tar(raw / "x.tar", members)
        found = archives.mirror(raw, cache)
        assert _content(found) == {"x.tar/a/1": b"one", "x.tar/hard": b"one", "x.tar/b/soft": b"one"}
        assert not (found / "x.tar" / "b" / "soft").is_symlink()

    @pytest.mark.parametrize("targets", [{"p": "q", "q": "p"}, {"p": "p"}, {"p": "nowhere"}, {"p": "a"}])
    def test_links_that_lead_to_no_file_are_refused(
        self, raw: Path, cache: Path, targets: dict[str, str]
    ) -> None:
        links = {name: _header(name, tarfile.SYMTYPE, target) for name, target in targets.items()}
        _tar(raw / "x.tar", {"a/1": b"one", **links})
        assert "to a missing file" in _refusal(raw, cache).message


class TestPacked:
    ERROR = LayoutError("no training.csv under raw", hint="look elsewhere")

    def _explained(self, raw: Path, *names: str) -> LayoutError:
        for name in names:
            (raw / name).touch()
        return archive_sets.explain(self.ERROR, raw)

    def test_where_nothing_is_packed_the_error_stays(self, raw: Path) -> None:
        assert self._explained(raw, "x.zip", "x.csv") is self.ERROR

    def test_parts_of_a_rar_name_the_first_and_the_command(self, raw: Path) -> None:
        names = [f"Manually_Annotated.part{number:02d}.rar" for number in range(11, 0, -1)]
        error = self._explained(raw, *names)
        first = raw / "Manually_Annotated.part01.rar"
        assert error.message == f"{self.ERROR.message}, but {first} and 10 further parts are still packed"
        assert error.hint == f"run unrar x {first.name} in {raw}, then the same command again"

    def test_missing_parts_are_counted(self, raw: Path) -> None:
        error = self._explained(raw, "x.part2.rar", "x.part4.rar")
        assert "x.part2.rar and 1 further part are still packed (missing: part 1, 3)" in error.message

    @pytest.mark.parametrize(
        ("names", "command"),
        [
            (("x.rar",), "unrar x x.rar"),
            (("x.7z",), "7z x x.7z"),
            (("x.7z.002", "x.7z.001"), "7z x x.7z.001"),
            (("x.zip.001", "x.zip.002"), "7z x x.zip.001"),
            (("x.zip", "x.z01"), "7z x x.zip"),
        ],
    )
    def test_every_kind_has_its_command(self, raw: Path, names: tuple[str, ...], command: str) -> None:
        assert command in str(self._explained(raw, *names).hint)

    def test_further_archives_are_counted(self, raw: Path) -> None:
        assert (
            "a.rar is still packed, and 2 archives more"
            in self._explained(raw, "a.rar", "b.rar", "c.7z").message
        )

    def test_what_was_unpacked_beside_is_not_named(self, raw: Path) -> None:
        (raw / "x" / "Images").mkdir(parents=True)
        assert self._explained(raw, "x.part1.rar", "x.part2.rar") is self.ERROR

    def test_a_rar_as_root_is_named(self, raw: Path) -> None:
        (raw / "x.rar").touch()
        assert "run unrar x x.rar" in str(archive_sets.explain(self.ERROR, raw / "x.rar").hint)

    def test_the_readers_own_count_of_archives_is_not_told_too(self, raw: Path) -> None:
        (raw / "x.rar").touch()
        error = archive_sets.explain(LayoutError("no list, but 1 archives", hint="unpack the archives"), raw)
        assert error.message == f"no list, but {raw / 'x.rar'} is still packed"

    def test_the_users_own_folder_is_named_and_not_that_of_the_cache(self, raw: Path, cache: Path) -> None:
        error = archive_sets.explain(LayoutError(f"two: {cache}/m/a, {cache}/m/b"), raw, read=cache / "m")
        assert error.message == f"two: {raw}/a, {raw}/b"

    def test_a_split_zip_is_not_unpacked(self, raw: Path, cache: Path) -> None:
        (raw / "x.zip").touch()
        (raw / "x.z01").touch()
        assert archives.mirror(raw, cache) == raw
