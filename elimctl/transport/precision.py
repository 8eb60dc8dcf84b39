"""Keep a computation out of reduced precision."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")
FLOAT32_BYTES = 4


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Make a function of tensors compute in float32 or better, under autocast too.

    bfloat16 carries 8 bits: a cosine distance below 0.004 would read as 0, and a plan could not sum to
    its weights. Outside autocast nothing is entered, so that export traces the plain function.

    Args:
        function: its positional tensors are raised to float32 if they are narrower; float64 stays.
            It takes at least one tensor by position.
    """

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        raised = cast(Any, [_raise(value) for value in args])
        device_type = next(value.device.type for value in args if isinstance(value, Tensor))
        available = torch.amp.is_autocast_available(device_type)  # it is not on meta
        if not (available and torch.is_autocast_enabled(device_type)):
            return function(*raised, **kwargs)
        with torch.autocast(device_type, enabled=False):
            return function(*raised, **kwargs)

    return wrapper


def _raise(value: object) -> object:
    if isinstance(value, Tensor) and value.is_floating_point() and value.dtype.itemsize < FLOAT32_BYTES:
        return value.float()
    return value
