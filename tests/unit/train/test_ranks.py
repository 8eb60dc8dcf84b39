import pytest
import torch
from torch import distributed

from elimctl.errors import ConfigError, RankError
from elimctl.train.ranks import ALONE, Ranks, are_many, joined


@pytest.fixture
def two(monkeypatch):
    """The environment of rank 0 of two, whose other one never comes."""
    numbers = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", "MASTER_PORT": "29500"}
    for name, value in (numbers | {"MASTER_ADDR": "127.0.0.1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(distributed, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: None)


def test_a_process_that_was_started_alone_waits_for_nobody(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert not are_many()
    with joined("auto") as ranks:
        assert ranks == ALONE
    assert ALONE.first
    assert ALONE.agree("a") == "a"
    assert ALONE.agree_on(True) is True
    done = []
    ALONE.first_only(lambda: done.append(1))
    values = torch.ones(2)
    ALONE.add_up(values)
    assert (done, values.tolist()) == ([1], [1, 1])


def test_ranks_are_read_from_the_environment(two, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    with joined("cpu") as ranks:
        assert ranks == Ranks(1, 2, 1)
        assert not ranks.first


@pytest.mark.parametrize("name", ["LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_half_an_environment_is_refused(two, monkeypatch, name):
    monkeypatch.delenv(name)
    with pytest.raises(ConfigError, match=name), joined("cpu"):
        pass


def test_ranks_that_differ_from_the_first_are_refused(monkeypatch):
    monkeypatch.setattr(Ranks, "agree", lambda *_: "theirs")
    Ranks(1, 2, 1).require_same("theirs", "a dataset")
    with pytest.raises(ConfigError, match="rank 1 of 2 has a dataset other than rank 0"):
        Ranks(1, 2, 1).require_same("mine", "a dataset")


def test_one_gpu_for_all_is_refused(two):
    with pytest.raises(ConfigError, match="device cuda:1 for all of 2 ranks"), joined("cuda:1"):
        pass


def test_a_lost_rank_is_no_error_of_this_one(two):
    with pytest.raises(RankError, match=r"lost another one: Connection closed by peer$"), joined("cpu"):
        raise RuntimeError(
            "[../third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer. This may be so."
        )


def test_other_errors_are_left_alone(two):
    with pytest.raises(RuntimeError, match="shapes"), joined("cpu"):
        raise RuntimeError("shapes do not match")
