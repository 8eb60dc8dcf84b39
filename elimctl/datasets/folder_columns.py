"""The columns of a user's own CSV, found by their names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from elimctl.datasets.csv_rows import column_name
from elimctl.errors import LayoutError

# What each column may be called, in any case; the first name that the file has counts.
NAMES = {
    "path": (
        *("path", "file", "filename", "file_name", "filepath", "file_path", "subdirectory_filepath"),
        *("image", "image_path", "img", "video", "video_path", "name"),
    ),
    "valence": ("valence", "v"),
    "arousal": ("arousal", "a"),
    "identity": (
        "identity",
        "identity_id",
        "subject",
        "subject_id",
        "person",
        "person_id",
        "actor",
        "speaker",
        "id",
    ),
    "clip": ("clip", "clip_id", "sequence", "video_id"),
    "frame": ("frame", "frame_number", "frame_id"),
    "split": ("split", "set", "partition", "subset"),
    "expression": ("expression", "emotion", "label", "class"),
    "age": ("age",),
}
KNOWN = frozenset(name for names in NAMES.values() for name in names)
NEAR = 0.8  # similarity of a misspelt name, as difflib has it
REQUIRED = ("path", "valence", "arousal")
# A box is read where all four of its columns are there.
CORNERS = (
    ("x0", "y0", "x1", "y1"),
    ("x1", "y1", "x2", "y2"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
)
SIZED = (
    ("x", "y", "w", "h"),
    ("x", "y", "width", "height"),
    ("face_x", "face_y", "face_width", "face_height"),
    ("left", "top", "width", "height"),
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a CSV has what.

    Args:
        places: place of each column that was found, by its key in `NAMES`.
        box: places of a box's four columns, None where it has none.
        sized: whether these are the corner and the size of the box, else two corners.
        count: number of columns.
    """

    places: dict[str, int]
    box: tuple[int, ...] | None
    sized: bool
    count: int

    @property
    def lacking(self) -> list[str]:
        """The required columns that the file does not have."""
        return [name for name in REQUIRED if name not in self.places]


def find_columns(header: Sequence[str], *, where: str) -> Columns:
    """Find the columns of a CSV.

    Args:
        header: names of all columns, as written.
        where: the file, for messages.

    Raises:
        LayoutError: a column that is needed is there twice, or the name of a missing one was misspelt.
    """
    names = [written(name) for name in header]
    places = {}
    for wanted, known in NAMES.items():
        if found := next((name for name in known if name in names), None):
            if names.count(found) > 1:
                raise LayoutError(
                    f"{where} has {names.count(found)} columns {found!r}", hint="rename all of them but one"
                )
            places[wanted] = names.index(found)
    if all(name in places for name in REQUIRED):  # else it is another table
        _refuse_misspelt(names, places, where=where)
    corners, sized = ([four for four in known if set(four) <= set(names)] for known in (CORNERS, SIZED))
    four = next(iter(corners + sized), None)
    return Columns(
        places=places,
        box=None if four is None else tuple(names.index(name) for name in four),
        sized=not corners,
        count=len(names),
    )


def _refuse_misspelt(names: Sequence[str], places: Mapping[str, int], *, where: str) -> None:
    """Refuse names that nearly are those of missing columns: identities or splits would be lost."""
    for name in names:
        near = get_close_matches(name, [key for key in NAMES if key not in places], n=1, cutoff=NEAR)
        if near and name not in KNOWN:
            raise LayoutError(
                f"{where} has a column {name!r}, which is no name of a column that is read",
                hint=f"rename it to {near[0]}, or to something else if that is not meant",
            )


def written(name: str) -> str:
    """Name of a column with `_` between its words, in lower case."""
    return column_name(name).replace(" ", "_").replace("-", "_")
