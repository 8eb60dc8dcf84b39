"""The folds of a cross-validation, one by one and their mean."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from elimctl.commands import crossval
from elimctl.config import Values
from elimctl.errors import StoreError
from elimctl.figures.pooled import Pooled
from elimctl.metrics.rates import RATES
from elimctl.metrics.table import TITLES
from elimctl.report.subject import Subject
from elimctl.report.tables import NOT_DEFINED, SHOWN, Cell, Column, Table, count, interval, score


def table(place: int, subject: Subject, pooled: Pooled) -> Table:
    """The scores of each fold of a cross-validation, and their mean and spread.

    Args:
        place: of the subject on the page, for the table's name.
        subject: the cross-validation.
        pooled: its files.

    Raises:
        StoreError: its crossval.json is damaged.
    """
    keys: list[tuple[str, ...]] = [("mean", metric) for metric in SHOWN]
    if subject.learns_classes:
        keys = [(rate,) for rate in RATES]
    with _reading(pooled):
        rows = [*_folds(pooled.record, keys), *_over(pooled.record, keys)]
    return Table(
        f"fold-scores-{place}",
        f"Fold by fold, {subject.name}" + ("" if subject.learns_classes else ": means of both axes"),
        [
            *(Column(title, numeric=False) for title in ("held out", "run")),
            *map(Column, ("samples", "identities")),
            *(Column(TITLES[key[-1]]) for key in keys),
        ],
        rows,
        notes=(
            "The scores above pool all folds; each sample is predicted by the run that did not train on it.",
        ),
    )


def over(pooled: Pooled, *place: str) -> tuple[float | None, float | None]:
    """Mean and standard deviation of a score over the folds, None where there is none.

    Args:
        pooled: the files of a cross-validation.
        place: axis and metric, or the rate of classes.

    Raises:
        StoreError: its crossval.json is damaged.
    """
    with _reading(pooled):
        found = crossval.at(pooled.record["over_folds"], place)
        return found["mean"], found["spread"]


def _folds(record: Values, keys: Sequence[tuple[str, ...]]) -> Iterator[list[Cell]]:
    for fold in record["folds"]:
        undefined = set(fold.get("undefined") or ())
        heads = [Cell(f"fold {fold['fold']}"), Cell(fold["run"]), count(fold["count"])]
        cells = [
            NOT_DEFINED
            if ".".join(key) in undefined
            else score(crossval.at(fold, key), note=interval(crossval.at(fold["intervals"], key)))
            for key in keys
        ]
        yield [*heads, count(fold["identities"]), *cells]


def _over(record: Values, keys: Sequence[tuple[str, ...]]) -> Iterator[list[Cell]]:
    for title, which in (("mean of the folds", "mean"), ("their standard deviation", "spread")):
        cells = [score(crossval.at(record["over_folds"], key)[which]) for key in keys]
        yield [Cell(title), Cell(""), Cell(""), Cell(""), *cells]


@contextmanager
def _reading(pooled: Pooled) -> Iterator[None]:
    """Tell what is missing in crossval.json as damage."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{pooled.folder / crossval.NAME} is damaged: {error!r}",
            hint="run the same elimctl crossval again; finished runs stay",
        ) from error
