"""How often a recipe is run, on what, and which published rows it stands for: the table `[run]`."""

import json
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field

from elimctl.config import Config, Values, parse_set
from elimctl.experiments.published import Number, numbers

Count = Annotated[int, Field(gt=0)]
Fold = Annotated[int, Field(ge=0)]


class Claim(Config):
    """Published rows that a recipe stands for: those that agree in all that is given here."""

    source: str  # the paper's table
    method: str | None = None
    backbone: str | None = None
    dataset: str | None = None

    def numbers(self) -> list[Number]:
        """The published numbers meant."""
        wanted = self.model_dump(exclude_none=True)
        return [
            number
            for number in numbers()
            if all(getattr(number, name) == value for name, value in wanted.items())
        ]


class Protocol(Config):
    """The table `[run]` of a recipe."""

    dataset: str | None = None  # the dataset's plug-in; prepared, it has that name unless data.name says so
    seeds: Count = 5  # runs, seeds from 0; Kim & Song 2022 report the mean of five
    folds: Literal["all"] | tuple[Fold, ...] = (0,)  # each held out in turn; all: cross-validation
    split: str = "val"  # what is scored
    rows: tuple[Claim, ...] = ()  # what of published.csv it stands for
    # dotted keys and the values that they take, in all combinations
    sweep: dict[str, tuple[Any, ...]] = Field(default_factory=dict)
    note: str = ""  # how it differs from what the paper did

    def variants(self) -> list[tuple[str, Values]]:
        """The combinations of the sweep: a label, fit for a name, and values to lay over the recipe's.

        Returns:
            One empty combination where nothing is swept.
        """
        combined = []
        for values in product(*self.sweep.values()):
            chosen = list(zip(self.sweep, values, strict=True))
            label = "-".join(f"{key.rpartition('.')[2]}{value}" for key, value in chosen)
            combined.append((label, parse_set([f"{key}={json.dumps(value)}" for key, value in chosen])))
        return combined
