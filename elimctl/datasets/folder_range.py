"""Range of a user's own labels, for both axes or for each."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic import field_validator, model_serializer, model_validator

from elimctl.config import Config

Range = tuple[float, float]


class LabelRange(Config):
    """Lowest and highest possible label of each axis.

    `[low, high]` sets both axes; a table sets single ones, and the other keeps [-1, 1].
    """

    valence: Range = (-1.0, 1.0)
    arousal: Range = (-1.0, 1.0)

    @model_validator(mode="before")
    @classmethod
    def _of_both(cls, value: Any) -> Any:
        if not isinstance(value, Sequence) or isinstance(value, str):
            return value
        if len(value) != 2 or not all(isinstance(end, int | float) for end in value):
            raise ValueError("expected [lowest, highest]")
        return dict.fromkeys(("valence", "arousal"), _rising((value[0], value[1])))

    @field_validator("valence", "arousal")
    @classmethod
    def _of_one(cls, value: Range) -> Range:
        return _rising(value)

    @model_serializer
    def _short(self) -> Any:
        """`[low, high]` if both axes are equal."""
        if self.valence == self.arousal:
            return self.valence
        return {"valence": self.valence, "arousal": self.arousal}


def _rising(value: Range) -> Range:
    if not -math.inf < value[0] < value[1] < math.inf:
        raise ValueError("expected [lowest, highest]")
    return value
