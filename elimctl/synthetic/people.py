"""Parts that all synthetic datasets share: paths of labels through a clip, and clips of synthetic faces."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from elimctl.errors import ConfigError
from elimctl.synthetic.face.drawing import Drawing, Identity, draw_face, draw_identity, draw_view, jitter
from elimctl.text import counted


def trajectory(rng: np.random.Generator, *, frames: int) -> np.ndarray:
    """Labels that move smoothly through a clip.

    Args:
        rng: chooses where the path starts, where it ends and which way it bends: anywhere on the unit disc.
        frames: number of frames, > 0.

    Returns:
        (frames, 2) float64 (valence, arousal), within the unit disc.
    """
    angle = rng.uniform(0, 2 * np.pi, 3)
    radius = np.sqrt(rng.uniform(0, 1, 3))  # the root spreads them evenly over the disc
    start, bend, end = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    t = np.linspace(0, 1, frames)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end  # a Bezier curve stays in their hull


def draw_people(rng: np.random.Generator, *, identities: int, identity_shift: float) -> list[Identity]:
    """The people of a synthetic dataset; each has a stream of their own, so that more of them change none."""
    return [draw_identity(face, identity_shift=identity_shift) for face in rng.spawn(identities)]


def require_clips(clips: int, *, identities: int) -> None:
    """Refuse a synthetic dataset with people whom no clip shows.

    Raises:
        ConfigError: there are fewer clips than identities.
    """
    if clips < identities:
        raise ConfigError(
            f"{counted(clips, 'clip')} cannot show {counted(identities, 'identity', 'identities')}",
            hint=f"set --clips to {identities} or more, or lower --people",
        )


def too_small(found: str, wanted: str) -> ConfigError:
    """The error for a synthetic dataset that is too small to have all defects."""
    return ConfigError(
        f"{found} cannot show all defects; wanted {wanted}",
        hint="raise --clips or --frames, or leave out synth.defects",
    )


def draw_clip(
    identity: Identity, labels: np.ndarray, rng: np.random.Generator, *, width_px: int, height_px: int
) -> Iterator[Drawing]:
    """Draw the frames of a clip: one identity, one place, small movements from frame to frame.

    Args:
        identity: whose face is drawn.
        labels: (frames, 2) (valence, arousal) in [-1, 1].
        rng: chooses the place and the movements.
        width_px: width of the frames.
        height_px: height of the frames.
    """
    view = draw_view(rng)
    for valence, arousal in labels.tolist():
        yield draw_face(
            identity, view, valence=valence, arousal=arousal, width_px=width_px, height_px=height_px
        )
        view = jitter(view, rng)


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an image (H, W, 3) uint8 RGB in the format of the path's suffix."""
    _, encoded = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    path.write_bytes(encoded.tobytes())
