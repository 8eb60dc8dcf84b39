"""Which samples form the batch of a step: pure functions of seed, epoch and step.

Nothing here keeps state, so a resumed run draws what an uninterrupted one would.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, get_args

import numpy as np

from elimctl.errors import DataError
from elimctl.text import counted

# a new one goes last: its place seeds it
Purpose = Literal["deal", "frames", "shuffle", "crops", "transforms", "classes", "subset", "flips"]
PURPOSES: tuple[str, ...] = get_args(Purpose)


def members(identity: np.ndarray) -> list[np.ndarray]:
    """Positions of each identity's samples.

    Args:
        identity: (n,) integer codes or names, one per sample.

    Returns:
        One ascending array of positions per identity, in the order of the sorted identities.
    """
    order = np.argsort(identity, kind="stable")
    _, starts = np.unique(identity[order], return_index=True)
    return np.split(order, starts[1:])


def identity_balanced(
    groups: Sequence[np.ndarray], *, batch_size: int, identities: int, seed: int, epoch: int, step: int
) -> np.ndarray:
    """One batch of N identities with floor(B / N) samples each.

    Within an epoch the identities are dealt from shuffled rounds, so every identity comes up equally
    often. Samples of an identity are drawn without replacement, with replacement only where it has
    fewer than floor(B / N).

    Args:
        groups: positions of each identity's samples, as `members` gives them.
        batch_size: B, samples wanted.
        identities: N, identities in the batch.
        seed: the run's seed.
        epoch: number of the epoch, from 0.
        step: number of the step within the epoch, from 0.

    Returns:
        (N * floor(B / N),) positions, the samples of an identity side by side.

    Raises:
        DataError: there are fewer identities than N, or B < 2 N.

    Source: Kim & Song 2022, appendix algorithm 1 (N identities in an iteration); A.10 row 23.
    """
    if len(groups) < identities:
        raise DataError(
            f"{counted(len(groups), 'identity', 'identities')} in the training split, "
            f"{identities} wanted in a batch",
            hint=f"add --set train.identities_per_batch={len(groups)}, or prepare more identities",
        )
    share = batch_size // identities
    if share < 2:
        raise DataError(
            f"a batch of {batch_size} holds {share} samples of each of {identities} identities, "
            "expected at least 2",
            hint=f"add --batch-size {2 * identities}, "
            f"or --set train.identities_per_batch={max(2, batch_size // 2)}",
        )
    batches_a_round = len(groups) // identities
    turn, place = divmod(step, batches_a_round)
    dealt = _permutation(len(groups), "deal", seed, epoch, turn)
    chosen = dealt[place * identities : (place + 1) * identities]
    rng = generator("frames", seed, epoch, step)
    drawn = [rng.choice(groups[i], share, replace=len(groups[i]) < share) for i in chosen]
    return np.concatenate(drawn)


def class_balanced(
    members_of_classes: Sequence[np.ndarray],
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    step: int,
    names: Sequence[str] = (),
) -> np.ndarray:
    """One batch in which all classes are equally likely, with two samples of each at least.

    Two samples of every class, and then draws with replacement in which a sample's probability is inverse
    to the frequency of its class.

    Args:
        members_of_classes: positions of the samples of each class, in the order of the classes' codes.
        batch_size: B, samples wanted.
        seed: the run's seed.
        epoch: number of the epoch, from 0.
        step: number of the step within the epoch, from 0.
        names: of the classes, for messages.

    Returns:
        (B,) positions in random order; of the first two of each class, none twice.

    Raises:
        DataError: a class has fewer than two samples, or B < 2 C.

    Source: She et al. 2021, public code (probabilities), which skips batches that lack two of a class.
    """
    for code, found in enumerate(members_of_classes):
        if len(found) < 2:
            name = f"{names[code]!r}" if names else f"{code}"
            raise DataError(
                f"class {name} has {len(found)} samples in the training split, at least 2 wanted in a batch",
                hint="prepare more samples of this class, or add --set train.sampler=shuffle",
            )
    classes = len(members_of_classes)
    if batch_size < 2 * classes:
        raise DataError(
            f"a batch of {batch_size} for {classes} classes, at least 2 samples of each wanted",
            hint=f"add --batch-size {2 * classes} or more",
        )
    rng = generator("classes", seed, epoch, step)
    pairs = [rng.choice(found, 2, replace=False) for found in members_of_classes]
    codes = rng.integers(classes, size=batch_size - 2 * classes)
    others = [rng.choice(members_of_classes[code]) for code in codes]
    return rng.permutation(np.concatenate([*pairs, np.array(others, dtype=pairs[0].dtype)]))


def shuffled(count: int, *, batch_size: int, seed: int, epoch: int, step: int) -> np.ndarray:
    """One batch of a plain shuffle: every sample once an epoch, a last short batch left out.

    Args:
        count: samples in the training split.
        batch_size: B; a smaller split gives batches of all its samples.
        seed: the run's seed.
        epoch: number of the epoch, from 0.
        step: number of the step within the epoch, from 0, below floor(count / B).

    Returns:
        (min(B, count),) positions, all different.
    """
    order = _permutation(count, "shuffle", seed, epoch)
    start = step * batch_size
    return order[start : start + batch_size]


def generator(purpose: Purpose, seed: int, *numbers: int) -> np.random.Generator:
    """A source of randomness of its own for each purpose, seed and place in the run.

    Args:
        purpose: what is drawn; streams of different purposes never coincide.
        seed: the run's seed.
        numbers: epoch and step, or one of them; for `transforms`, epoch and manifest row.
    """
    epoch, step = (*numbers, 0, 0)[:2]
    return np.random.default_rng((PURPOSES.index(purpose), seed, epoch, step))


@lru_cache(maxsize=4)
def _permutation(count: int, purpose: Purpose, seed: int, *numbers: int) -> np.ndarray:
    """Numbers 0 to `count` - 1 as shuffled for many steps: drawn for each of them again, an epoch's order of
    400,000 samples took half as long as the gathering of a batch.
    """
    drawn = generator(purpose, seed, *numbers).permutation(count)
    drawn.flags.writeable = False  # it is everyone's
    return drawn


def steps_per_epoch(count: int, batch_size: int) -> int:
    """Steps in which a split of `count` samples passes once, at least 1."""
    return max(1, count // batch_size)
