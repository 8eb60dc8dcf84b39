"""SCRFD, the detector of insightface's model packs.

Source: Guo et al. 2021, Sample and Computation Redistribution for Efficient Face Detection.
"""

from typing import Any

import numpy as np

from elimctl.faces import models
from elimctl.faces.face import Annotation, Face
from elimctl.faces.options import DetectorOptions
from elimctl.manifest.parquet import digest

PATTERNS = ("det_*.onnx", "scrfd_*.onnx")  # names in the packs: det_10g.onnx, scrfd_10g_bnkps.onnx


class Scrfd:
    """A loaded SCRFD: insightface's model, prepared, and the sha256 of its file."""

    def __init__(self, model: Any, *, digest: str) -> None:
        self._model = model
        self.digest = digest

    def detect(self, image: np.ndarray, annotation: Annotation | None = None) -> list[Face]:  # noqa: ARG002
        """Find the faces of an image (H, W, 3) uint8 RGB, best score first; the annotation is not used."""
        width_px, height_px = self._model.input_size
        scale = min(width_px / image.shape[1], height_px / image.shape[0])
        if min(image.shape[:2]) * scale < 1:
            return []  # insightface would scale such a thin strip to zero px
        bgr = np.ascontiguousarray(image[..., ::-1])
        boxes, points = self._model.detect(bgr)
        return [
            Face(
                box=tuple(boxes[i, :4].tolist()),
                score=min(1.0, float(boxes[i, 4])),
                points=None if points is None else np.asarray(points[i], np.float32),
            )
            for i in np.argsort(-boxes[:, 4], kind="stable")
        ]


def build(options: DetectorOptions) -> Scrfd:
    """Load SCRFD from a folder of models, or from insightface's cache.

    Raises:
        MissingError: there is no model; the hint is the command that downloads one.
        ConfigError: the file holds another model, or CUDA was requested and does not work.
    """
    file = models.find(options.models, PATTERNS, what="SCRFD model")
    model = models.load(
        file, task="detection", what="SCRFD model", device=options.device, threads=options.threads
    )
    side_px = options.longer_side_px
    # a single size: by default insightface detects at two sizes and merges
    model.prepare(ctx_id=0, input_size=(side_px, side_px), det_thresh=options.min_score)
    return Scrfd(model, digest=digest(file))
