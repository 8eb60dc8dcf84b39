import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from elimctl.errors import ConfigError, Notice
from elimctl.prepare import lock

# Holds the lock of the folder argv[1] until it is told to go on; argv[2] is "shared" or not.
HOLDER = """
import sys
from pathlib import Path
from elimctl.prepare import lock

with lock.hold(Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.readline()
"""
Holder = Callable[..., subprocess.Popen]


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Holder]:
    """A function that starts another process, which holds the lock of `tmp_path / "out"`."""
    started = []

    def start(kind: str = "alone") -> subprocess.Popen:
        command = [sys.executable, "-c", HOLDER, tmp_path / "out", kind]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_process_is_told_who_is_at_work(holder: Holder, tmp_path: Path) -> None:
    first = holder()
    wanted = rf"out is being prepared .*by process {first.pid} on "
    with pytest.raises(ConfigError, match=wanted) as caught, lock.hold(tmp_path / "out"):
        pytest.fail("two at once")
    assert "--name" in caught.value.hint
    first.communicate("go on\n")
    with lock.hold(tmp_path / "out"):
        pass


def test_a_killed_process_lets_go(holder: Holder, tmp_path: Path) -> None:
    first = holder()
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert (tmp_path / "out" / lock.NAME).exists()
    with lock.hold(tmp_path / "out"):
        assert (tmp_path / "out" / lock.NAME).read_text().startswith(f"process {os.getpid()} on ")


def test_shares_may_be_held_together_but_not_with_the_whole(holder: Holder, tmp_path: Path) -> None:
    first = holder("shared")
    with lock.hold(tmp_path / "out", shared=True), pytest.raises(ConfigError), lock.hold(tmp_path / "out"):
        pytest.fail("a share and the whole at once")
    with pytest.raises(ConfigError, match="is being prepared"), lock.hold(tmp_path / "out"):
        pytest.fail("a share and the whole at once")
    first.communicate("go on\n")
    with lock.hold(tmp_path / "out"), pytest.raises(ConfigError), lock.hold(tmp_path / "out", shared=True):
        pytest.fail("the whole and a share at once")


@pytest.mark.parametrize("error", [None, OSError("full"), KeyboardInterrupt()])
def test_nothing_is_left_of_a_lock(tmp_path: Path, error: BaseException | None) -> None:
    if error is None:
        with lock.hold(tmp_path / "out"):
            assert (tmp_path / "out" / lock.NAME).exists()
    else:
        with pytest.raises(type(error)), lock.hold(tmp_path / "out"):
            raise error
    assert list((tmp_path / "out").iterdir()) == []


def test_a_lock_that_was_removed_while_it_was_opened_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    flock = fcntl.flock

    def late(file, kind: int) -> None:
        """Lock a file; before that, whoever held it removes it and lets go, and another takes its place."""
        if not taken:
            taken.append(file)
            (tmp_path / lock.NAME).unlink()
            (tmp_path / lock.NAME).write_text("of another\n")
        flock(file, kind)

    monkeypatch.setattr(fcntl, "flock", late)
    with lock.hold(tmp_path), pytest.raises(ConfigError), lock.hold(tmp_path):
        pytest.fail("two at once")
    assert taken[0].closed


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_without_locks_the_work_goes_on_and_one_notice_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(Notice) as told, lock.hold(tmp_path / "out"), lock.hold(tmp_path / "b", shared=True):
        pass
    reason = os.strerror(number).lower()
    wanted = f"{tmp_path} is on a file system without locks ({reason}): run one elimctl at a time there"
    assert {str(one.message) for one in told} == {wanted}
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir(mode=0o555)
    if os.geteuid() == 0:  # who may write everywhere
        monkeypatch.setattr(Path, "open", _refuse)
    with pytest.raises(PermissionError) as caught, lock.hold(tmp_path / "out"):
        pytest.fail("not locked")
    assert caught.value.filename == str(tmp_path / "out" / lock.NAME)


def _refuse(path: Path, *_: object, **__: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
