"""Some of the samples of a split, or all with some of their labels changed."""

from dataclasses import replace

import numpy as np

from elimctl.errors import DataError
from elimctl.loader.batches import Samples
from elimctl.loader.sampler import generator


def identities(samples: Samples, count: int, *, seed: int) -> Samples:
    """The samples of some identities.

    Args:
        samples: of a split.
        count: number of identities, >= 1.
        seed: chooses them; those of a smaller number are among those of a larger one.

    Raises:
        DataError: there are not so many.

    Source: Kim & Song 2022, Fig. 6.
    """
    if count > len(samples.names):
        raise DataError(
            f"train.max_identities = {count}, and the training split has {len(samples.names)}",
            hint=f"set train.max_identities to {len(samples.names)} at most",
        )
    chosen = np.sort(generator("subset", seed).permutation(len(samples.names))[:count])
    kept = np.isin(samples.identity, chosen)
    return replace(
        samples,
        index=samples.index[kept],
        target=samples.target[kept],
        identity=np.searchsorted(chosen, samples.identity[kept]),
        names=tuple(samples.names[code] for code in chosen),
        classes=None if samples.classes is None else samples.classes[kept],
        age=None if samples.age is None else samples.age[kept],
    )


def flipped(samples: Samples, share: float, *, seed: int) -> Samples:
    """The same samples, some of them with another class.

    Args:
        samples: of a split, with classes.
        share: of the samples that are flipped, each to any other class, in [0, 1].
        seed: chooses them.

    Source: She et al. 2021, supplement, section 2.
    """
    assert samples.classes is not None
    rng = generator("flips", seed)
    chosen = rng.permutation(len(samples))[: round(share * len(samples))]
    step = rng.integers(1, len(samples.class_names), size=len(chosen))
    classes = samples.classes.copy()
    classes[chosen] = (classes[chosen] + step) % len(samples.class_names)
    return replace(samples, classes=classes)
