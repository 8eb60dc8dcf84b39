"""What varies between clips and frames: camera, light, background and noise."""

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

# Half the range of a view's continuous parts: draws stay inside, and so does a jittered walk.
_LIMITS = {
    "yaw": 20.0,
    "pitch": 10.0,
    "roll": 12.0,
    "right": 1.0,
    "down": 1.0,
    "gaze_x": 0.3,
    "gaze_y": 0.15,
}
# Deviation of the change from one frame to the next.
_STEPS = {"yaw": 1.0, "pitch": 0.6, "roll": 0.6, "right": 0.03, "down": 0.03, "gaze_x": 0.04, "gaze_y": 0.02}


@dataclass(frozen=True, slots=True)
class View:
    """One look of a camera at a face.

    Args:
        yaw: turn of the head to the image's right, degrees.
        pitch: nod downwards, degrees.
        roll: tilt clockwise, degrees.
        size: height of the face as a share of the frame's.
        right: place in the frame, -1 left to 1 right; at 1 the head touches the frame's margin.
        down: place in the frame, -1 top to 1 bottom.
        light_x: where the light comes from, -1 left to 1 right.
        light_y: -1 below to 1 above.
        contrast: strength of the light against the ambient, 0 to 1.
        exposure: factor on all brightness.
        warmth: -1 bluish to 1 yellowish.
        gaze_x: -1 to 1, share of half an eye.
        gaze_y: likewise.
        blur: deviation of the lens's blur, px at a frame 256 px high.
        noise: deviation of the sensor's noise, 0 to 255.
        background: seed of what is behind the head, and of the clothes.
        noise_seed: seed of the sensor's noise.
    """

    yaw: float
    pitch: float
    roll: float
    size: float
    right: float
    down: float
    light_x: float
    light_y: float
    contrast: float
    exposure: float
    warmth: float
    gaze_x: float
    gaze_y: float
    blur: float
    noise: float
    background: int
    noise_seed: int


def draw_view(rng: np.random.Generator) -> View:
    """A view within a film's variety."""
    pose = {name: float(limit * np.clip(0.5 * rng.normal(), -1, 1)) for name, limit in _LIMITS.items()}
    return View(
        **pose,
        size=float(rng.uniform(0.45, 0.7)),
        light_x=float(rng.uniform(-0.8, 0.8)),
        light_y=float(rng.uniform(0.15, 0.8)),
        contrast=float(rng.uniform(0.35, 0.8)),
        exposure=float(rng.uniform(0.82, 1.06)),
        warmth=float(rng.uniform(-1, 1)),
        blur=float(rng.uniform(0.0, 0.7)),
        noise=float(rng.uniform(0.8, 4.5)),
        background=int(rng.integers(2**31)),
        noise_seed=int(rng.integers(2**31)),
    )


def jitter(view: View, rng: np.random.Generator) -> View:
    """The next frame of a clip: the head and the gaze move a little, the noise is new.

    Args:
        view: the frame before.
        rng: source of the change.

    Returns:
        A view whose parts stay within the range that `draw_view` draws from.
    """
    moved: dict[str, Any] = {
        name: float(np.clip(getattr(view, name) + rng.normal(0, step), -_LIMITS[name], _LIMITS[name]))
        for name, step in _STEPS.items()
    }
    return replace(view, **moved, noise_seed=int(rng.integers(2**31)))


def background(view: View, *, width_px: int, height_px: int) -> np.ndarray:
    """A room out of focus, (height_px, width_px, 3) uint8."""
    rng = np.random.default_rng(view.background)
    wall = rng.uniform(45, 185) * (1 + 0.12 * rng.normal(0, 1, 3))
    small = (wall + rng.normal(0, 12, (3, 4, 1)) + rng.normal(0, 4, (3, 4, 3))).astype(np.float32)
    room = cv2.resize(small, (160, 128), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(2, 7))):
        (x, y), (w, h) = rng.uniform(-0.1, 1.0, 2) * (160, 128), rng.uniform(0.05, 0.4, 2) * (160, 128)
        colour = wall * rng.uniform(0.45, 1.5) + rng.normal(0, 9, 3)
        cv2.rectangle(room, (int(x), int(y)), (int(x + w), int(y + h)), colour.tolist(), -1)
    room = cv2.GaussianBlur(room, (0, 0), rng.uniform(2.5, 7.0))
    room = np.clip(room, 8, 245).astype(np.uint8)
    return cv2.resize(room, (width_px, height_px), interpolation=cv2.INTER_CUBIC)


def expose(picture: np.ndarray, view: View) -> np.ndarray:
    """The camera's part: exposure, colour balance, blur and noise.

    Args:
        picture: (H, W, 3) uint8.
        view: the camera.

    Returns:
        (H, W, 3) uint8.
    """
    sigma = view.blur * picture.shape[0] / 256
    if sigma > 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    height, width = picture.shape[:2]
    noise = np.random.default_rng(view.noise_seed).standard_normal((height, width), dtype=np.float32)
    balance = view.exposure * (1 + 0.035 * view.warmth * np.array([1.0, 0.15, -1.0]))
    channels = [
        cv2.addWeighted(channel, gain, noise, view.noise, 0.0, dtype=cv2.CV_8U)
        for channel, gain in zip(cv2.split(picture), balance.tolist(), strict=True)
    ]
    return cv2.merge(channels)
