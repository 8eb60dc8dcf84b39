"""Transforms of albumentations, as a recipe lists them.

Each crop is transformed by draws of its own, seeded by seed, epoch and sample; so neither threads nor
processes nor their number change a value, and a sample is transformed differently in each epoch.
"""

import inspect
import os
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from pydantic import ValidationError

from elimctl.errors import ConfigError
from elimctl.loader.sampler import generator

GREY = 128
TRIALS = 16  # draws that are tried before training: of OneOf, another transform may be next

Table = Mapping[str, Any]  # {"transform": name of the class, argument: value, ...}


class Transforms:
    """Transforms that are applied to each crop, one after the other; threads may share them.

    Args:
        tables: one per transform, `{"transform": "ColorJitter", "p": 0.5, "brightness": 0.2}`; those that
            choose among others have these in `transforms`.
        crop_px: side of the crops.

    Raises:
        ConfigError: there is no such transform, it does not take such arguments, or what it makes of a crop
            is none.
    """

    def __init__(self, tables: Sequence[Table], *, crop_px: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # so albumentations says what it will not do
            self._transforms = [_build(table, f"transforms[{i}]") for i, table in enumerate(tables)]
            self._try(crop_px)
        # copies: a transform holds what it draws from, so none has two users
        self._idle: list[list[Any]] = []

    def __call__(
        self, crops: UInt8[np.ndarray, "b S S 3"], index: Int64[np.ndarray, " b"], *, seed: int, epoch: int
    ) -> None:
        """Transform crops in place.

        Args:
            crops: RGB.
            index: manifest row of each.
            seed: the run's seed.
            epoch: number of the epoch, from 0.

        Raises:
            ConfigError: a transform failed, or what it made of a crop is none.
        """
        try:
            transforms = self._idle.pop()
        except IndexError:
            transforms = deepcopy(self._transforms)
        for crop, row in zip(crops, index.tolist(), strict=True):
            _seed(transforms, generator("transforms", seed, epoch, row))
            crop[...] = _apply(transforms, crop)
        self._idle.append(transforms)

    def _try(self, crop_px: int) -> None:
        """Apply every transform to grey, whatever its probability."""
        transforms = deepcopy(self._transforms)
        for transform in _all(transforms):
            transform.p = 1.0
        for trial in range(TRIALS):
            _seed(transforms, generator("transforms", 0, 0, trial))
            _apply(transforms, np.full((crop_px, crop_px, 3), GREY, np.uint8))


def _seed(transforms: Sequence[Any], rng: np.random.Generator) -> None:
    """Have transforms draw from here.

    `set_random_seed` would give each of them a source of its own with the same seed, and two transforms
    of probability 0.5 would always occur together.
    """
    source = random.Random(int(rng.integers(2**63)))
    for transform in transforms:
        transform.set_random_state(rng, source)


def _apply(transforms: Sequence[Any], crop: np.ndarray) -> np.ndarray:
    """The transformed crop; between transforms it may have any form."""
    image: Any = crop
    culprit = None
    for transform in transforms:
        try:
            image = transform(image=image)["image"]
        except Exception as error:
            raise ConfigError(
                f"transform {_name(transform)} cannot be applied to a crop: {_told(error)}",
                hint="change its arguments, or leave it out of train.transforms",
            ) from error
        if culprit is None and _form(image) != _form(crop):
            culprit = transform
    if _form(image) != _form(crop):
        raise ConfigError(
            f"transform {_name(culprit)} turns a crop, {_form(crop)}, into {_form(image)}",
            hint="leave it out of train.transforms: crops keep their size, and the model normalises them",
        )
    return image


def _form(image: Any) -> str:
    """Type, shape and dtype as a message has them."""
    return f"{type(image).__name__} {tuple(image.shape)} {image.dtype}"


def _build(table: Any, where: str) -> Any:
    """A transform as a table describes it.

    Args:
        table: its table.
        where: its place in the list, for messages.
    """
    kind = _find(table, where)
    name = f"{where}, {kind.__name__}"
    arguments = {key: value for key, value in table.items() if key != "transform"}
    known = [key for key in inspect.signature(kind.__init__).parameters if key not in ("self", "strict")]
    for key in arguments:
        if key not in known:
            raise ConfigError(
                f"{name}: unknown argument {key!r}", hint=_instead(key, known) or f"leave out {key!r}"
            )
    chance = arguments.get("p", 1.0)
    if not isinstance(chance, int | float) or not 0 <= chance <= 1:
        raise ConfigError(f"{name}: p is {chance!r}, a probability wanted", hint="set p to 0..1")
    if "transforms" in known:
        arguments["transforms"] = _nested(arguments.get("transforms"), f"{where}.transforms", name)
    try:
        return kind(**arguments)
    except Exception as error:
        raise ConfigError(f"{name}: {_told(error)}", hint=f"set what it takes: {', '.join(known)}") from error


def _nested(tables: Any, where: str, name: str) -> list[Any]:
    """The transforms that a transform chooses from."""
    if not isinstance(tables, Sequence) or isinstance(tables, str) or not tables:
        raise ConfigError(
            f"{name}: transforms is {tables!r}, a list of tables wanted",
            hint='write transforms = [{transform = "Blur"}, {transform = "GaussNoise"}]',
        )
    return [_build(table, f"{where}[{i}]") for i, table in enumerate(tables)]


def _find(table: Any, where: str) -> Any:
    """The class that a table names."""
    name = table.get("transform") if isinstance(table, Mapping) else None
    if not isinstance(name, str):
        raise ConfigError(
            f"{where} is {table!r}, a table with the name of a transform wanted",
            hint='write {transform = "ColorJitter", p = 0.5}',
        )
    library = _library()
    kind = getattr(library, name, None)
    if _is_transform(kind, library):
        return kind
    known = [known for known, value in vars(library).items() if _is_transform(value, library)]
    what = "no transform" if kind is None else "something else than a transform"
    raise ConfigError(
        f"{where}: {name!r} is {what} of albumentations {library.__version__}",
        hint=_instead(name, known) or "look it up in albumentations' documentation",
    )


def _is_transform(kind: Any, library: ModuleType) -> bool:
    return inspect.isclass(kind) and issubclass(kind, library.BasicTransform | library.BaseCompose)


def _library() -> ModuleType:
    """albumentations, which takes seconds to import and looks at the package index unless told not to."""
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    return albumentations


def _all(transforms: Sequence[Any]) -> Iterator[Any]:
    """Transforms and those they choose from."""
    for transform in transforms:
        yield transform
        yield from _all(getattr(transform, "transforms", []))


def _instead(word: str, known: Sequence[str]) -> str | None:
    """A hint with the nearest known word."""
    folded = {each.lower(): each for each in known}
    near = get_close_matches(word.lower(), folded, n=1)
    return f"write {folded[near[0]]!r}" if near else None


def _name(transform: Any) -> str:
    return type(transform).__name__


def _told(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error.__cause__, ValidationError):  # its text is of many lines
        first = error.__cause__.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return f"{place}{': ' if place else ''}{first['msg']}, found {first['input']!r}"
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
