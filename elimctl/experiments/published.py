"""The numbers in the papers' tables, as printed."""

import csv
from dataclasses import dataclass
from functools import cache

from elimctl import package_data

FILE = "published.csv"  # in data_manifest


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a published table.

    Args:
        method: the paper's name.
        backbone: the paper's name; empty if the paper does not say.
        params: number of parameters as printed; empty if it is not.
        dataset: name of the dataset.
        split: scored split.
        case: part of the table.
        metric: RMSE, SAGR, PCC, CCC, accuracy_percent or elapsed_seconds.
        axis: V, A or mean; empty if the metric has none.
        value: as printed, trailing zeros kept.
        source: the paper's table.
        note: remark on the number.
    """

    method: str
    backbone: str
    params: str
    dataset: str
    split: str
    case: str
    metric: str
    axis: str
    value: str
    source: str
    note: str


@cache
def numbers() -> tuple[Number, ...]:
    """All published numbers, in the order of the file."""
    with (package_data.folder("data_manifest") / FILE).open(encoding="utf-8", newline="") as lines:
        return tuple(Number(**record) for record in csv.DictReader(lines))
