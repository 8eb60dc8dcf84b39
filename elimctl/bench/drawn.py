"""Faces to measure with: drawing thousands would take minutes, so a few are drawn, and varied."""

from collections.abc import Iterator

import numpy as np

from elimctl.synthetic.face.drawing import draw_face, draw_identity, draw_view

DRAWN = 200  # faces
SHIFT_PX, LIGHT = 12, 12  # most that an image differs from its drawing by, px and levels


def faces(total: int, *, side_px: int) -> Iterator[np.ndarray]:
    """Images (S, S, 3) uint8 of faces, no two with the same bytes.

    Args:
        total: number of images.
        side_px: S.
    """
    drawn = _draw(min(total, DRAWN), side_px)
    for number in range(total):
        yield _varied(drawn[number % len(drawn)], number)


def _draw(number: int, side_px: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        draw_face(
            draw_identity(rng),
            draw_view(rng),
            valence=float(rng.uniform(-1, 1)),
            arousal=float(rng.uniform(-1, 1)),
            width_px=side_px,
            height_px=side_px,
        ).image
        for _ in range(number)
    ]


def _varied(image: np.ndarray, seed: int) -> np.ndarray:
    """An image shifted and lit a little differently."""
    rng = np.random.default_rng(seed)
    moved = np.roll(image, rng.integers(-SHIFT_PX, SHIFT_PX + 1, 2), (0, 1))
    return np.clip(moved.astype(np.int16) + rng.integers(-LIGHT, LIGHT + 1), 0, 255).astype(np.uint8)
