"""SCRFD, the detector of insightface's model packs.

Nothing is downloaded here: the packs are for non-commercial research, so who fetches one decides to.

Source: Guo et al. 2021, Sample and Computation Redistribution for Efficient Face Detection.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from elimctl.errors import ConfigError, MissingError
from elimctl.faces.face import Annotation, Face
from elimctl.faces.options import DetectorOptions
from elimctl.faces.providers import check_running, providers_for, session_options

CACHE = Path("~/.insightface/models")  # insightface reads no variable that would move it
PATTERNS = ("det_*.onnx", "scrfd_*.onnx")  # names in the packs: det_10g.onnx, scrfd_10g_bnkps.onnx
DOWNLOAD = "insightface-cli model.download buffalo_l"


class Scrfd:
    """A loaded SCRFD.

    Args:
        model: insightface's model, prepared.
        digest: sha256 of its file.
    """

    def __init__(self, model: Any, *, digest: str) -> None:
        self._model = model
        self.digest = digest

    def detect(self, image: np.ndarray, annotation: Annotation | None = None) -> list[Face]:  # noqa: ARG002
        """Faces of one image, best score first.

        Args:
            image: (H, W, 3) uint8 RGB.
            annotation: not looked at.
        """
        width_px, height_px = self._model.input_size
        scale = min(width_px / image.shape[1], height_px / image.shape[0])
        if min(image.shape[:2]) * scale < 1:
            return []  # a strip so thin that insightface would scale it to nothing
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
    """Load SCRFD from a folder of models, or from insightface's own cache.

    Raises:
        MissingError: there is no model; the hint is the command that downloads one.
        ConfigError: the file is no SCRFD, or CUDA was asked for and cannot be used.
    """
    return load(find(options.models), options)


def find(models: Path | None) -> Path:
    """The SCRFD in a folder or the folders below it.

    Args:
        models: the folder; None stands for insightface's cache.

    Returns:
        The only one, or the largest of several, which is the most accurate.

    Raises:
        MissingError: there is none.
    """
    folder = models or CACHE.expanduser()
    found = [file for pattern in PATTERNS for file in folder.rglob(pattern) if file.is_file()]
    if not found:
        state = f"no {' or '.join(PATTERNS)} under {folder}" if folder.is_dir() else f"no folder {folder}"
        root = "" if models is None else f" --root {models}"
        raise MissingError(f"{state}, wanted a SCRFD model", hint=f"run {DOWNLOAD}{root}")
    return max(found, key=lambda file: (file.stat().st_size, file.name))


def load(file: Path, options: DetectorOptions) -> Scrfd:
    """Load one SCRFD file.

    Raises:
        ConfigError: the file is no SCRFD, or CUDA was asked for and cannot be used.
    """
    from insightface.model_zoo import get_model  # takes seconds

    providers = providers_for(options.device)
    hint = f"remove the file and run {DOWNLOAD}"
    try:
        # a file that exists is loaded as it is; only names are ever looked up or downloaded
        model = get_model(
            str(file), providers=providers, sess_options=session_options(options.threads), download=False
        )
    except Exception as error:  # onnxruntime and protobuf raise many classes of their own
        raise ConfigError(f"{file} cannot be loaded: {type(error).__name__} {error}", hint=hint) from error
    task = getattr(model, "taskname", None)
    if task != "detection":
        raise ConfigError(f"{file} is no detector, insightface gives its task as {task}", hint=hint)
    check_running(model.session.get_providers(), device=options.device)
    side_px = options.longer_side_px
    # one size: by default insightface would detect at two and merge
    model.prepare(ctx_id=0, input_size=(side_px, side_px), det_thresh=options.min_score)
    return Scrfd(model, digest=hashlib.sha256(file.read_bytes()).hexdigest())
