"""The numbers in the papers' tables, as printed."""

import csv
from dataclasses import dataclass
from functools import cache

from elimctl import package_data

FILE = "published.csv"  # in data_manifest


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a published table."""

    method: str  # the paper's name
    backbone: str  # the paper's name; empty if the paper does not say
    params: str  # number of parameters as printed; empty if it is not
    dataset: str  # name of the dataset
    split: str  # scored split
    case: str  # part of the table
    metric: str  # RMSE, SAGR, PCC, CCC, accuracy_percent or elapsed_seconds
    axis: str  # V, A or mean; empty if the metric has none
    value: str  # as printed, trailing zeros kept
    source: str  # the paper's table
    note: str  # remark on the number


@cache
def numbers() -> tuple[Number, ...]:
    """All published numbers, in the order of the file."""
    with (package_data.folder("data_manifest") / FILE).open(encoding="utf-8", newline="") as lines:
        return tuple(Number(**record) for record in csv.DictReader(lines))
