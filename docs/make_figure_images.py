"""Copy figures that `elimctl figures` drew to docs/images, with few colours: a third of the size.

Called with the folders that hold them: runs/elim-al-1/figures figures
"""

import sys
from pathlib import Path

from PIL import Image

COLOURS = 256


def main(folders: list[Path]) -> None:
    """Copy the PNGs of some folders; the first folder that has a figure gives it."""
    images = Path(__file__).parent / "images"
    found: dict[str, Path] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.png")):
            found.setdefault(file.name, file)
    for name, file in found.items():
        small = Image.open(file).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(images / f"figure_{name}", optimize=True)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
