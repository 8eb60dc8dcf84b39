"""Draw docs/images/drawn_faces.png, the contact sheet of the drawn faces.

Run `python docs/make_contact_sheet.py [FILE]` from the root of the repository.
"""

import io
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from elimctl.datasets.drawing import Identity, View, draw_face, draw_identity, draw_view
from PIL import Image

from elimctl import atomic

FILE = Path(__file__).parent / "images" / "drawn_faces.png"
WIDTH_PX, HEIGHT_PX, LABEL_PX = 200, 184, 26  # of a picture and of the line of text above a row
EXPRESSIVE = (32, 13, 35, 25)  # seeds of the rows that show expressions
SHIFTED = (3, 15, 20, 31, 22, 28)  # seeds of the rows that show the identity shift
EXPRESSIONS = ((-0.9, 0.7), (-0.8, -0.6), (0.0, 0.0), (0.5, -0.7), (0.9, 0.1), (0.6, 1.0))
COLOURS = 256  # of the palette: it keeps the file small


def contact_sheet() -> np.ndarray:
    """The sheet, (H, W, 3) uint8 RGB."""
    rows = [_labels([f"valence {v:+.1f}  arousal {a:+.1f}" for v, a in EXPRESSIONS])]
    for seed in EXPRESSIVE:
        rng = np.random.default_rng(seed)
        identity, turn = draw_identity(rng), np.random.default_rng(seed + 1000)
        view = draw_view(rng)
        views = [_posed(view, yaw=turn.uniform(-14, 14), roll=turn.uniform(-6, 6)) for _ in EXPRESSIONS]
        rows.append(_row([(identity, view, *label) for view, label in zip(views, EXPRESSIONS, strict=True)]))
    for shift in (0.0, 1.0):
        text = "everybody neutral (valence 0, arousal 0), identity shift"
        rows.append(_labels([f"{text} {shift:.0f}"]))
        sources = [np.random.default_rng(seed) for seed in SHIFTED]
        cells = [
            (draw_identity(rng, identity_shift=shift), _posed(draw_view(rng)), 0.0, 0.0) for rng in sources
        ]
        rows.append(_row(cells))
    return np.concatenate(rows)


def _posed(view: View, *, yaw: float = 0.0, roll: float = 0.0) -> View:
    """A large, sharp picture in the middle of the frame."""
    return replace(
        view, yaw=yaw, roll=roll, pitch=0.0, right=0.0, down=0.15, size=0.68, blur=0.0, noise=0.0, gaze_x=0.0
    )


def _row(cells: list[tuple[Identity, View, float, float]]) -> np.ndarray:
    # drawn at twice the size: the sheet is looked at more closely than a frame of a clip
    big = (2 * WIDTH_PX, 2 * HEIGHT_PX)
    pictures = [
        draw_face(identity, view, valence=valence, arousal=arousal, width_px=big[0], height_px=big[1]).image
        for identity, view, valence, arousal in cells
    ]
    return np.concatenate(
        [cv2.resize(p, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA) for p in pictures], 1
    )


def _labels(texts: list[str]) -> np.ndarray:
    """A white line of evenly spread, centred texts."""
    line = np.full((LABEL_PX, WIDTH_PX * len(EXPRESSIONS), 3), 255, np.uint8)
    cell_px = line.shape[1] // len(texts)
    for column, text in enumerate(texts):
        (width_px, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)
        at = (column * cell_px + (cell_px - width_px) // 2, LABEL_PX - 9)
        cv2.putText(line, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    return line


def _palette_png(image: np.ndarray) -> bytes:
    """A PNG file of few colours, a third of the size of one with all."""
    buffer = io.BytesIO()
    picture = Image.fromarray(image)
    palette = picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    atomic.write_bytes(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE, _palette_png(contact_sheet()))
