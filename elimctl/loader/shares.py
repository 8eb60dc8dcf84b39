"""What each rank takes of a batch."""


def share(count: int, rank: int, ranks: int) -> slice:
    """One rank's part of a row of things.

    Args:
        count: things, >= 0.
        rank: which part, in [0, ranks).
        ranks: parts, >= 1.

    Returns:
        A slice without gaps or overlaps with those of the other ranks, in their order; the sizes differ by at
        most 1, the larger ones first, as `numpy.array_split` has them.
    """
    assert 0 <= rank < ranks
    size, larger = divmod(count, ranks)
    start = rank * size + min(rank, larger)
    return slice(start, start + size + (rank < larger))


def shares(count: int, ranks: int, *, unit: int = 1) -> tuple[int, ...]:
    """Sizes of the parts of all ranks, as `share` makes them.

    Args:
        count: things, a multiple of `unit`.
        ranks: parts, >= 1.
        unit: things that stay together, where there are units enough for all.
    """
    if count // unit < ranks:
        unit = 1
    parts = (share(count // unit, rank, ranks) for rank in range(ranks))
    return tuple(unit * (part.stop - part.start) for part in parts)
