"""The table `[run]` of a recipe: seeds, folds, dataset, and the published rows that it reproduces."""

import json
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field

from elimctl.config import Config, Values, parse_set
from elimctl.experiments.published import Number, numbers

Count = Annotated[int, Field(gt=0)]
Fold = Annotated[int, Field(ge=0)]


class Claim(Config):
    """Published rows that a recipe reproduces: the rows that agree in all given keys."""

    source: str  # the paper's table
    method: str | None = None
    backbone: str | None = None
    dataset: str | None = None

    def numbers(self) -> list[Number]:
        """The published numbers of these rows."""
        wanted = self.model_dump(exclude_none=True)
        return [
            number
            for number in numbers()
            if all(getattr(number, name) == value for name, value in wanted.items())
        ]


class Protocol(Config):
    """The table `[run]` of a recipe."""

    dataset: str | None = None  # its plug-in; also the name of the prepared dataset, unless data.name is set
    seeds: Count = 5  # number of seeds, from 0; Kim & Song 2022 report the mean of five
    folds: Literal["all"] | tuple[Fold, ...] = (0,)  # folds to hold out, one run each; all: cross-validation
    split: str = "val"  # scored split
    rows: tuple[Claim, ...] = ()  # rows of published.csv that it reproduces
    # dotted keys and their values; every combination is run
    sweep: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    note: str = ""  # how it differs from the paper

    def variants(self) -> list[tuple[str, Values]]:
        """The combinations of the sweep: a label for names, and values to merge over the recipe's.

        Returns:
            One empty combination if there is no sweep.
        """
        combined = []
        for values in product(*self.sweep.values()):
            chosen = list(zip(self.sweep, values, strict=True))
            label = "-".join(f"{key.rpartition('.')[2]}{value}" for key, value in chosen)
            combined.append((label, parse_set([f"{key}={json.dumps(value)}" for key, value in chosen])))
        return combined
