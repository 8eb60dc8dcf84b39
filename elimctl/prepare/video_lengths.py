"""Videos whose labels name frames that they have not got.

A label beyond the end of its video, or before its first frame, proves that the two do not fit: the recording
dropped frames, or the numbers count from elsewhere. Which frame any other label of that video belongs to is
then not known, so all of them are dropped.
"""

import os
import sqlite3
from pathlib import Path

from elimctl.datasets.alignment import TOLERATED
from elimctl.datasets.raw.video import VideoError, count_frames
from elimctl.manifest.row import OUT_OF_RANGE

# A reader that says `no frame` has held the two against each other itself.
LABELLED = """
SELECT path, min(video_frame), max(video_frame) FILTER (WHERE reason IS NULL),
       max(video_frame) FILTER (WHERE reason NOT GLOB 'no frame*'), max(reason) FILTER (WHERE reason GLOB ?)
FROM found WHERE video_frame >= 0 OR reason GLOB ?
GROUP BY path HAVING max(video_frame) FILTER (WHERE reason IS NULL) >= 0
"""
DROP = "UPDATE found SET reason = ? WHERE path = ? AND reason IS NULL"


def settle(spool: sqlite3.Connection, root: Path) -> None:
    """Drop the rows about videos of which frames are labelled that are not there.

    Args:
        spool: a database with the table `found` of rows.
        root: the raw root that the rows' paths are below.
    """
    for path, first, labelled, others, early in spool.execute(
        LABELLED, 2 * (f"{OUT_OF_RANGE}:*",)
    ).fetchall():
        try:
            count = count_frames(root / os.fsdecode(path))
        except VideoError:  # said of each of its rows when they are read
            continue
        # Of frames without a usable label, a few beyond the end tell only where a player saw the end, unless
        # the first one is number 1: then it is likely to be meant for number 0.
        last = labelled if labelled >= count else others
        few = 0 if first == 1 else TOLERATED
        if early:
            spool.execute(DROP, (early.replace(OUT_OF_RANGE, "frames do not fit", 1), path))
        elif labelled >= count or (others is not None and others >= count + few):
            reason = (
                f"frames do not fit: number {last} is listed, counted from 0, and the video has {count}"
                + (" (option frame_base)" if last == count else "")  # the first may be number 1
            )
            spool.execute(DROP, (reason, path))
