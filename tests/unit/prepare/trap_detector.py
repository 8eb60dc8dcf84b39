"""A detector that does what a test asks for: the annotated face, but slowly, or not at all.

What is asked for are files in the folder `models`: `slow`, and `die` for one process that ends at once. Each
process that loads the detector leaves a file `<pid>.pid` there, and each image a byte in `seen`.
"""

import os
import time
from pathlib import Path

import numpy as np

from elimctl.faces import annotation
from elimctl.faces.face import Annotation, Face
from elimctl.faces.options import DetectorOptions


class Trap(annotation.Annotated):
    def __init__(self, orders: Path) -> None:
        self._orders = orders

    def detect(self, image: np.ndarray, annotation: Annotation | None = None) -> list[Face]:
        with (self._orders / "seen").open("ab") as seen:
            seen.write(b".")
        if (self._orders / "slow").exists():
            time.sleep(0.1)
        try:
            (self._orders / "die").unlink()
        except FileNotFoundError:
            return super().detect(image, annotation)
        os._exit(9)


def build(options: DetectorOptions) -> Trap:
    (options.models / f"{os.getpid()}.pid").touch()
    return Trap(options.models)
