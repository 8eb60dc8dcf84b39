import re

import numpy as np
import pytest

from elimctl.errors import DataError
from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.store.images import Reader
from elimctl.train.config import RunConfig, TrainConfig
from elimctl.train.pairs import require_matches

AGES = [20, 35, 45, 55, 70]  # one of each group


class Unread(Reader):
    """An image store that nobody looks into."""

    shape = (0, 40, 40, 3)

    def __init__(self):
        pass


def check(method, *, sizes, batch_size, ages=None, sampler="shuffle", identities=4, steps=1000, **settings):
    """Ask whether there is something to match in batches of identities with these numbers of samples."""
    count = sum(sizes)
    age = None if ages is None else np.repeat(np.array(ages, np.float32), sizes)
    samples = Samples(
        index=np.arange(count),
        target=np.zeros((count, 2), np.float32),
        identity=np.repeat(np.arange(len(sizes)), sizes),
        names=tuple(map(str, range(len(sizes)))),
        age=age,
    )
    least = max(settings.get("samples_per_identity", 10), 2) if sampler == "shuffle" else 2
    plan = Plan(batch_size, sampler, identities, least, crop_px=32, hflip=0.5, seed=0)
    config = RunConfig(method={"name": method, **settings}, train=TrainConfig(steps=steps))
    require_matches(config, Batches(Unread(), samples, plan, workers=0))


@pytest.mark.parametrize(
    "wanted",
    [
        {"method": "elim", "sizes": [5] * 6, "batch_size": 8, "sampler": "identity"},
        {"method": "elim-attention", "sizes": [40] * 2, "batch_size": 40, "samples_per_identity": 3},
        {"method": "elim-age", "sizes": [30] * 5, "batch_size": 100, "ages": AGES},
        {
            "method": "elim-age",
            "sizes": [8] * 5,
            "batch_size": 16,
            "ages": AGES,
            "samples_per_identity": 2,
        },
        {"method": "elim-age", "sizes": [9] * 5, "batch_size": 16, "ages": [20] * 5, "lambda_main": 0.0},
        {"method": "erm", "sizes": [1] * 20, "batch_size": 8},
    ],
    ids=lambda wanted: wanted["method"],
)
def test_batches_with_something_to_match_pass(wanted):
    check(**wanted)


@pytest.mark.parametrize(
    ("wanted", "said", "hint"),
    [
        # two groups of ten do not fit
        (
            {"sizes": [30] * 5, "batch_size": 16, "ages": AGES},
            "groups of ages with 10 samples or more in a batch; none of the first 100 batches of 16",
            r"method\.samples_per_identity=\d, or raise --batch-size",
        ),
        # they would fit, and never come together
        (
            {"sizes": [96, 4], "batch_size": 30, "ages": [20, 35], "samples_per_identity": 5},
            "has at most 3 samples",
            "samples_per_identity=3",
        ),
        (
            {"sizes": [50, 50], "batch_size": 50, "ages": [20, 99]},
            "has at most 0 samples",
            "two groups of ages",
        ),
        ({"sizes": [50, 50], "batch_size": 50, "ages": None}, "has at most 0 samples", "two groups of ages"),
        ({"sizes": [9] * 9, "batch_size": 81, "steps": 7, "ages": [20] * 9}, "first 7 batches", "people"),
    ],
)
def test_ages_that_never_meet_are_refused(wanted, said, hint):
    with pytest.raises(DataError, match=re.escape(said)) as error:
        check("elim-age", **wanted)
    assert re.search(hint, error.value.hint)


def test_the_hint_is_enough():
    split = {"sizes": [30] * 5, "batch_size": 16, "ages": AGES}
    with pytest.raises(DataError) as error:
        check("elim-age", **split)
    found = int(re.search(r"samples_per_identity=(\d+)", error.value.hint)[1])
    check("elim-age", **split, samples_per_identity=found)
    with pytest.raises(DataError):
        check("elim-age", **split, samples_per_identity=found + 1)


def test_identities_that_never_meet_are_refused():
    with pytest.raises(DataError, match="elim matches identities with 10 samples or more") as error:
        check("elim", sizes=[20] * 50, batch_size=32)
    assert "leave train.sampler out" in error.value.hint


@pytest.mark.parametrize("sampler", ["identity", "shuffle"])
def test_one_identity_in_a_batch_is_refused(sampler):
    with pytest.raises(DataError, match=r"train\.identities_per_batch = 1, and elim matches 2"):
        check("elim", sizes=[20] * 3, batch_size=60, sampler=sampler, identities=1)
