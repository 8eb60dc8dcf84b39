"""What varies between clips and frames: camera, light, background and noise."""

from dataclasses import dataclass, fields, replace

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
        size=float(rng.uniform(0.42, 0.66)),
        light_x=float(rng.uniform(-0.8, 0.8)),
        light_y=float(rng.uniform(0.15, 0.8)),
        contrast=float(rng.uniform(0.35, 0.8)),
        exposure=float(rng.uniform(0.85, 1.12)),
        warmth=float(rng.uniform(-1, 1)),
        blur=float(rng.uniform(0.0, 0.7)),
        noise=float(rng.uniform(1.0, 6.0)),
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
    moved = {
        name: float(np.clip(getattr(view, name) + rng.normal(0, step), -_LIMITS[name], _LIMITS[name]))
        for name, step in _STEPS.items()
    }
    return replace(view, **moved, noise_seed=int(rng.integers(2**31)))


def background(view: View, *, width_px: int, height_px: int) -> np.ndarray:
    """A blurred room, (height_px, width_px, 3) float32, 0 to 255."""
    rng = np.random.default_rng(view.background)
    base = rng.uniform(40, 190) + rng.normal(0, 16, 3)
    small = np.clip(base + rng.normal(0, 14, (5, 6, 3)), 10, 245).astype(np.float32)
    room = cv2.resize(small, (160, 128), interpolation=cv2.INTER_CUBIC)
    for _ in range(int(rng.integers(2, 7))):
        x, y = rng.uniform(-0.1, 1.0, 2) * (160, 128)
        w, h = rng.uniform(0.06, 0.35, 2) * (160, 128)
        colour = np.clip(base + rng.normal(0, 34, 3), 5, 250)
        cv2.rectangle(room, (int(x), int(y)), (int(x + w), int(y + h)), tuple(colour.tolist()), -1)
    room = cv2.GaussianBlur(room, (0, 0), rng.uniform(2.0, 6.0))
    return np.clip(cv2.resize(room, (width_px, height_px), interpolation=cv2.INTER_LINEAR), 0, 255)


def expose(picture: np.ndarray, view: View) -> np.ndarray:
    """The camera's part: exposure, colour balance, blur and noise.

    Args:
        picture: (H, W, 3) float32, 0 to 255.
        view: the camera.

    Returns:
        (H, W, 3) uint8.
    """
    balance = view.exposure * (1 + 0.05 * view.warmth * np.array([1.0, 0.15, -1.0], np.float32))
    sigma = view.blur * picture.shape[0] / 256
    if sigma > 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    rng = np.random.default_rng(view.noise_seed)
    noise = rng.standard_normal(picture.shape[:2], dtype=np.float32) * view.noise
    return np.clip(picture * balance + noise[..., None] + 0.5, 0, 255).astype(np.uint8)


assert set(_STEPS) == set(_LIMITS) <= {field.name for field in fields(View)}
