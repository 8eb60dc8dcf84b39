"""Read boxes and landmarks from `.pts` files of iBUG datasets.

version: 1
n_points: 4
{
10.5 20.25
...
}
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

LIMIT_PX = 1e5  # larger than any frame: invalid


def read_points(file: Path, *, count: int) -> np.ndarray | None:
    """Read the points of a file.

    Args:
        file: a `.pts` file.
        count: expected number of points.

    Returns:
        (count, 2) float32, px, x then y; None if the file is unreadable or invalid, or holds another number
        of points, as for frames without a face.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
        values = np.array(text.partition("{")[2].partition("}")[0].split(), np.float64)
    except (OSError, ValueError):
        return None
    if values.size != 2 * count or not np.all(np.abs(values) <= LIMIT_PX):  # false for NaN
        return None
    return values.astype(np.float32).reshape(count, 2)


def read_box(file: Path) -> tuple[float, float, float, float] | None:
    """Read the box around the four corners in a file, in any order.

    Args:
        file: a `.pts` file.

    Returns:
        (x0, y0, x1, y1), px; None without four corners, or if they enclose no area.
    """
    corners = read_points(file, count=4)
    if corners is None:
        return None
    (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def write_points(file: Path, points: Iterable[tuple[float, float]]) -> None:
    """Write points (x, y), px, for synthetic datasets."""
    lines = [f"{x:.3f} {y:.3f}" for x, y in points]
    content = "\n".join(["version: 1", f"n_points: {len(lines)}", "{", *lines, "}", ""])
    file.write_text(content, encoding="utf-8")
