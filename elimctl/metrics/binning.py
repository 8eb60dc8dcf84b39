"""A column of the manifest cut into parts: categories as they are, numbers in bins, missing values apart."""

import re
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float, Float64, Int64

from elimctl.datasets.ages import GROUPS
from elimctl.errors import ConfigError
from elimctl.manifest.row import NO_GROUP

UNKNOWN = "unknown"
QUANTILES = 4  # bins of equally many samples that numbers are cut into
FEW = 10  # different numbers, up to which each is a part of its own
MOST = 5000  # parts; more than that are no parts but samples
DIGITS = 3  # of the ends of bins; more where these do not tell them apart
OWN_DIGITS = 6  # of numbers that are parts of their own; likewise
MOST_DIGITS = 17  # tell any two float64 apart


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Samples by part.

    Args:
        code: part of each sample, 0 to the number of parts - 1.
        names: of the parts that have samples, each another one: numbers and bins ascending, groups of ages
            from the youngest, other words in alphabetical order, `UNKNOWN` last.
    """

    code: Int64[np.ndarray, " n"]
    names: tuple[str, ...]


def parts(values: pa.ChunkedArray, column: str) -> Parts:
    """Cut samples into parts by a column.

    Args:
        values: of the column, one for each sample.
        column: its name.

    Returns:
        Words are parts as they are; so are numbers of which there are at most `FEW` different ones. Ages are
        cut at the ends of the groups of Kim & Song 2022, what is below and above being two parts more; an age
        of 0 is unknown. Other numbers are cut at their quartiles: a bin holds its lower end, the last one its
        upper end, too. What has no value, or is an identity that stands for none, is `UNKNOWN`.

    Raises:
        ConfigError: the column holds lists, or has more than `MOST` different words.
    """
    if pa.types.is_list(values.type):
        raise ConfigError(
            f"column {column} holds lists and cannot be sliced", hint="slice by a column of words or numbers"
        )
    if pa.types.is_string(values.type):
        return _words(values, column)
    numbers = values.cast(pa.float64()).to_numpy()
    if column == "age":
        return _ages(numbers)
    return _numbers(numbers)


def quantile_bins(
    numbers: Float[np.ndarray, " n"], *, bins: int
) -> tuple[Float[np.ndarray, " e"], Int64[np.ndarray, " n"]]:
    """Cut numbers into bins of equally many, as far as equal ones, which share a bin, allow.

    Args:
        numbers: finite, at least one.
        bins: wanted; where numbers are equal there are fewer, and some may be empty.

    Returns:
        Edges of the bins, ascending, and the bin of each number: one on an edge is in the bin above it, the
        highest in the last.
    """
    edges = np.unique(np.quantile(numbers, np.linspace(0, 1, bins + 1)))
    return edges, np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, max(len(edges) - 2, 0))


def _words(values: pa.ChunkedArray, column: str) -> Parts:
    if column == "identity":
        values = pc.if_else(pc.equal(values, NO_GROUP), pa.scalar(None, values.type), values)
    encoded = pc.fill_null(values, UNKNOWN).dictionary_encode().combine_chunks()
    names = encoded.dictionary.to_pylist()
    if len(names) > MOST:
        raise ConfigError(
            f"column {column} has {len(names):,} different values in {len(values):,} samples, at most "
            f"{MOST:,} wanted of slices",
            hint="slice by a column that many samples share, such as age_group, gender or expression",
        )
    ordered = sorted(names, key=lambda name: (name == UNKNOWN, _years(name, column), name))
    place = {name: number for number, name in enumerate(ordered)}
    code = np.array([place[name] for name in names], np.int64)[encoded.indices.to_numpy()]
    return Parts(code, tuple(ordered))


def _years(name: str, column: str) -> int:
    """First year of a group of ages (`4-19`, `70+`), by which these are in order; 0 for all other words."""
    first = re.match(r"\d+", name) if column == "age_group" else None
    return int(first.group()) if first else 0


def _ages(ages: Float64[np.ndarray, " n"]) -> Parts:
    """Age groups: below 18, [18, 30), ... [60, 85), 85 and over."""
    names = [f"{low}-{high - 1}" for low, high in zip((0, *GROUPS), GROUPS, strict=False)]
    names += [f"{GROUPS[-1]} and over", UNKNOWN]
    known = ages > 0  # not for NaN
    return _present(np.where(known, np.searchsorted(GROUPS, ages, side="right"), len(names) - 1), names)


def _numbers(numbers: Float64[np.ndarray, " n"]) -> Parts:
    known = np.isfinite(numbers)
    different = np.unique(numbers[known])
    if len(different) <= FEW:
        code = np.where(known, np.searchsorted(different, numbers), len(different))
        return _present(code, [*_distinct(different, OWN_DIGITS), UNKNOWN])
    edges, inside = quantile_bins(numbers[known], bins=QUANTILES)
    names = [f"{low} to {high}" for low, high in pairwise(_distinct(edges, DIGITS))]
    code = np.full(len(numbers), len(names))
    code[known] = inside
    return _present(code, [*names, UNKNOWN])


def _distinct(numbers: Float64[np.ndarray, " e"], least: int) -> list[str]:
    """Different numbers as text, with as few digits as tell them apart, and so many at least."""
    texts: list[str] = []
    for digits in range(least, MOST_DIGITS + 1):
        texts = [f"{number:.{digits}g}" for number in numbers + 0.0]  # no "-0"
        if len(set(texts)) == len(texts):
            break
    return texts


def _present(code: Int64[np.ndarray, " n"], names: list[str]) -> Parts:
    """Those of some parts that have samples."""
    found, code = np.unique(code, return_inverse=True)
    return Parts(code.astype(np.int64), tuple(names[number] for number in found.tolist()))
