"""Settings shared by all detectors."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from elimctl.config import Config

Device = Literal["auto", "cpu", "cuda"]


class DetectorOptions(Config):
    """Which detector finds the faces, and where it runs."""

    name: str = "centerface"  # name of a plug-in
    models: Path | None = None  # folder of downloaded models, for detectors that need one
    device: Device = "auto"  # auto: CUDA if onnxruntime offers it, else the CPU
    min_score: float = Field(default=0.4, gt=0, le=1)  # detections below are dropped
    # Every image is scaled so that its longer side is this long, px. CenterFace finds faces of a tenth of it
    # up to all of it; its time grows with the square.
    longer_side_px: int = Field(default=512, ge=128, le=4096, multiple_of=32)
    # CPU threads of one detector; 0: one per core. The workers of prepare share the cores: one thread each.
    threads: int = Field(default=1, ge=0)
