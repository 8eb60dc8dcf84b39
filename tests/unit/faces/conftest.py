from collections.abc import Callable
from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest
import skimage

from elimctl.faces import centerface
from elimctl.faces.centerface import CenterFace
from elimctl.faces.image import decode
from elimctl.faces.options import DetectorOptions

# 48 portraits of the Face Research Lab London Set (CC BY 4.0), if they lie beside the checkout
LONDON = Path(__file__).parents[4] / "shared" / "faces"
# two portraits in the public domain, which other packages carry
ASTRONAUT = Path(skimage.__file__).parent / "data" / "astronaut.png"
HOPPER = Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def read(file: Path) -> np.ndarray:
    return decode(file.read_bytes(), where=file.name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `photo` on every portrait there is."""
    if "photo" in metafunc.fixturenames:
        files = [ASTRONAUT, HOPPER, *sorted(LONDON.glob("*/*.jpg"))]
        names = [f"{file.parent.name}-{file.stem}" for file in files]
        metafunc.parametrize("photo", files, ids=names, indirect=True)


@pytest.fixture
def photo(request: pytest.FixtureRequest) -> np.ndarray:
    return read(request.param)


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    return read(ASTRONAUT)


@pytest.fixture(scope="session")
def detector() -> CenterFace:
    return centerface.build(DetectorOptions(device="cpu", threads=2))


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Encode an array or a Pillow image as a file of some format."""
    import io

    from PIL import Image

    def encoded(image: np.ndarray | Image.Image, file_format: str = "PNG", **knobs: object) -> bytes:
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        buffer = io.BytesIO()
        image.save(buffer, format=file_format, **knobs)
        return buffer.getvalue()

    return encoded
