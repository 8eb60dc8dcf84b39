import pytest

from elimctl.cli import train
from elimctl.errors import ConfigError


@pytest.mark.parametrize(
    ("limit", "seconds"), [("45m", 2700), ("2h", 7200), ("1h30m", 5400), (" 10S ", 10), ("1h1m1s", 3661)]
)
def test_time_limits_have_units(limit, seconds):
    assert train.seconds_of(limit) == seconds
    assert train.seconds_of(None) is None


@pytest.mark.parametrize("limit", ["", "45", "m", "0m", "1.5h", "h2", "soon", "-5m"])
def test_an_invalid_time_is_refused(limit):
    with pytest.raises(ConfigError, match="invalid --time-limit"):
        train.seconds_of(limit)


@pytest.mark.parametrize(
    ("nproc", "size", "starts"), [(None, None, False), (1, None, False), (2, None, True), (2, "2", False)]
)
def test_processes_are_started_once(monkeypatch, nproc, size, starts):
    if size is None:
        monkeypatch.delenv("WORLD_SIZE", raising=False)
    else:
        monkeypatch.setenv("WORLD_SIZE", size)
    assert train._starts_ranks(nproc) is starts


def test_two_numbers_of_processes_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(ConfigError, match="--nproc 2 in one of 4 processes"):
        train._starts_ranks(2)
