"""Splits: folds that keep an identity together, and the rows of a named split."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elimctl.errors import DataError
from elimctl.text import counted

NAMES = ("train", "val", "test")
WORDS = {
    "training": "train",
    "validation": "val",
    "valid": "val",
    "validate": "val",
    "dev": "val",
    "testing": "test",
}


def named(word: str) -> str | None:
    """The split that a word for it means, whatever its case; None if it means none."""
    word = word.strip().lower()
    name = WORDS.get(word, word)
    return name if name in NAMES else None


def named_set(word: str) -> str | None:
    """The same of a word that may end in `set`, as `train_set` does."""
    return named(re.sub(r"[ _-]?set$", "", word.lower()))


def said_in(text: str, *, ignore: Collection[str] = ()) -> str | None:
    """The only split that words of a text mean, None where they mean none or several.

    Args:
        text: such as the name of a file.
        ignore: words that mean something else, in lower case.
    """
    words = set(re.split(r"[^a-z]+", text.lower())) - set(ignore)
    meant = {named(word) for word in words} - {None}
    return meant.pop() if len(meant) == 1 else None


def k_fold(groups: Sequence[str], *, folds: int, seed: int) -> np.ndarray:
    """Assign every sample a fold, keeping each group in one fold.

    Groups are dealt to the folds in the order of a hash of seed and name, so the result depends neither
    on the order of the samples nor on the machine.

    Args:
        groups: name of each sample's group.
        folds: number of folds, 1 to 127.
        seed: chooses the deal.

    Returns:
        (N,) int8 in [0, folds); the folds' numbers of groups differ by at most one.

    Raises:
        DataError: there are fewer groups than folds.
    """
    ranked = sorted(set(groups), key=lambda name: rank(name, seed=seed))
    if len(ranked) < folds:
        raise too_few(len(ranked), folds=folds)
    fold = {name: rank % folds for rank, name in enumerate(ranked)}
    return np.array([fold[name] for name in groups], dtype=np.int8)


def rank(group: str, *, seed: int) -> bytes:
    """What groups are sorted by before they are dealt to the folds in turn."""
    return hashlib.sha256(f"{seed}/{group}".encode("utf-8", "surrogateescape")).digest()


def too_few(
    identities: int, *, folds: int, rows: int = 0, dropped: Mapping[str, int] | None = None
) -> DataError:
    """The error of fewer identities than folds.

    Args:
        identities: number of identities with a usable row.
        folds: number of folds.
        rows: number of rows, dropped ones included.
        dropped: number of rows by kind of reason.
    """
    lost = sum((dropped or {}).values())
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in (dropped or {}).items())
    why = (
        f" ({lost:,} of {counted(rows, 'row')} {'was' if lost == 1 else 'were'} dropped: {kinds})"
        if lost
        else ""
    )
    fewer = (
        f"--folds {identities}, or --folds 1 to only score them"
        if identities > 1
        else "--folds 1 to only score it"
    )
    return DataError(
        f"{counted(identities, 'identity', 'identities')} cannot fill {folds} folds{why}",
        hint=f"use {fewer}, or add identities",
    )


def only_scored(rows: int) -> str:
    """What a user is told of a dataset of one identity."""
    return (
        f"1 identity cannot be split into folds: {'its 1 row is' if rows == 1 else f'all {rows:,} rows are'} "
        "`test`, to be scored and not trained on"
    )


def select(table: pa.Table, split: str, *, fold: int = 0) -> np.ndarray:
    """Rows of a split.

    Args:
        table: a manifest.
        split: `all`; where the dataset has official splits, the name of one; else `val` (the rows of `fold`)
            or `train` (those of the other folds).
        fold: number of the validation fold; not used for official splits.

    Returns:
        (n,) int64 row numbers of the kept rows, ascending, n > 0.

    Raises:
        DataError: there is no such split or fold, or it has no kept row.
    """
    members = _members(table, split, fold)
    rows: np.ndarray = np.flatnonzero(members & _mask(pc.equal(table["status"], "kept")))
    if not len(rows):
        raise DataError(
            f"split {split!r} is empty: none of its {counted(int(members.sum()), 'row')} is usable "
            f"(the dataset has {counted(table.num_rows, 'row')})",
            hint="choose another fold or split, or prepare more data",
        )
    return rows


def counting_fold(table: pa.Table, split: str, fold: int) -> int | None:
    """The fold that the rows of a split depend on.

    Args:
        table: a manifest.
        split: as `select` takes it.
        fold: likewise.

    Returns:
        None where the same rows are selected whatever the fold: all of them, or an official split.
    """
    official = table["split"].null_count < table.num_rows
    return None if official or split == "all" else fold


def _members(table: pa.Table, split: str, fold: int) -> np.ndarray:
    """Mask of the rows of a split, dropped ones included."""
    official = sorted(pc.unique(table["split"].drop_null()).to_pylist())
    folds = pc.max(table["fold"]).as_py()
    known = ["all", *(official or ([] if folds is None else ["train", "val"]))]
    if split == "train" and official == ["test"]:
        raise DataError(
            "the dataset has only the split test: no row of it is for training",
            hint="train on another dataset, and score this one with elimctl eval --data NAME --split test",
        )
    if split not in known:
        raise DataError(
            f"no split {split!r}; there are: {', '.join(known)}",
            hint="choose one of these with --split NAME",
        )
    if split == "all":
        return np.ones(table.num_rows, dtype=bool)
    if official:
        return _mask(pc.equal(table["split"], split))
    if not 0 <= fold <= folds:
        raise DataError(
            f"no fold {fold}; there are folds 0 to {folds}", hint="choose one of these with --fold N"
        )
    inside = pc.equal(table["fold"], fold)
    return _mask(inside if split == "val" else pc.invert(inside))


def _mask(condition: pa.ChunkedArray) -> np.ndarray:
    """A condition on a column as booleans; where the column has no value it does not hold."""
    return pc.fill_null(condition, False).to_numpy()
