"""Check that labels match pictures that are joined by position or number."""

from collections.abc import Collection, Sequence
from pathlib import Path

from elimctl.errors import LayoutError
from elimctl.text import counted

TOLERATED = 2  # surplus or missing lines: containers and players disagree about the last frames
LISTED = 20  # maximum number of clips in a message


def require_fit(misfits: Sequence[str], root: Path, *, what: str, pictures: str, files: str) -> None:
    """Refuse a dataset whose labels do not match its pictures.

    Args:
        misfits: name and numbers of each clip that does not match.
        root: the raw root.
        what: `clip` or `trial`.
        pictures: name of the labelled things in messages.
        files: name of the files that hold them.

    Raises:
        LayoutError: `misfits` is not empty.
    """
    if misfits:
        shown = "; ".join(misfits[:LISTED]) + ("; ..." if len(misfits) > LISTED else "")
        raise LayoutError(
            f"labels and {pictures} of {counted(len(misfits), what)} under {root} do not fit: {shown}",
            # If frames are missing before the end, truncated labels would belong to other frames.
            hint=f"download these {files} again; if only their last frames are missing, "
            "add --set dataset.align=truncate",
        )


def shifted(images: Collection[int], annotated: Collection[int]) -> str | None:
    """Drop reason if images and labels of a clip are numbered differently, else None.

    If images extend beyond the labels at one end and labels beyond the images at the other, they start at
    different numbers, and joining by number would be wrong.

    Args:
        images: numbers of the images.
        annotated: numbers of the labels.
    """
    if not (images and annotated):
        return None
    (first, last), (start, end) = ((min(those), max(those)) for those in (images, annotated))
    if (start - first) * (end - last) <= 0:
        return None
    return f"frames do not fit: labels of numbers {start} to {end}, images of {first} to {last}"
