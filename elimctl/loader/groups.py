"""Which identities of a batch are matched with each other."""

import numpy as np
from jaxtyping import Int64, Integer

PADDING = -1


def matching_groups(
    identity: Integer[np.ndarray, " B"], *, identities: int, min_samples: int, rng: np.random.Generator
) -> Int64[np.ndarray, "N n"]:
    """Draw the identities that take part in matching, among those with enough samples.

    Args:
        identity: code of each sample's identity.
        identities: N, identities to draw; all are taken if fewer have enough samples.
        min_samples: samples that an identity needs in the batch, >= 2.
        rng: decides the draw.

    Returns:
        Positions in the batch, identities by code, ascending within an identity, padded at the end with
        -1; of shape (0, 0) if fewer than two identities have enough samples.

    Source: decisions A.10 rows 19, 23 and 25.
    """
    codes, counts = np.unique(identity, return_counts=True)
    drawn = np.sort(rng.permutation(codes[counts >= min_samples])[:identities])
    if len(drawn) < 2:
        return np.empty((0, 0), dtype=np.int64)
    members = [np.flatnonzero(identity == code) for code in drawn]
    groups = np.full((len(members), max(map(len, members))), PADDING, dtype=np.int64)
    for row, positions in zip(groups, members, strict=True):
        row[: len(positions)] = positions
    return groups
