"""Drop rows of videos with labels for frames that do not exist.

A label after the last frame of its video, or before the first, shows that labels and video do not fit: the
recording lost frames, or frames are counted from another number. The frame of every other label is then
unknown, so all rows of the video are dropped.
"""

import os
import sqlite3
from pathlib import Path

from elimctl.datasets.alignment import TOLERATED
from elimctl.datasets.raw.video import VideoError, count_frames
from elimctl.manifest.row import OUT_OF_RANGE

# Rows with the reason `no frame` come from readers that compared labels and video themselves.
LABELLED = """
SELECT path, min(video_frame), max(video_frame) FILTER (WHERE reason IS NULL),
       max(video_frame) FILTER (WHERE reason NOT GLOB 'no frame*'), max(reason) FILTER (WHERE reason GLOB ?)
FROM unsorted WHERE video_frame >= 0 OR reason GLOB ?
GROUP BY path HAVING max(video_frame) FILTER (WHERE reason IS NULL) >= 0
"""
DROP = "UPDATE unsorted SET reason = ? WHERE path = ? AND reason IS NULL"


def settle(spool: sqlite3.Connection, root: Path) -> None:
    """Drop the rows of videos with labels for missing frames, in the table `unsorted` of a spool."""
    for path, first, labelled, others, early in spool.execute(
        LABELLED, 2 * (f"{OUT_OF_RANGE}:*",)
    ).fetchall():
        try:
            count = count_frames(root / os.fsdecode(path))
        except VideoError:  # reading the rows reports it
            continue
        # A few frames without a usable label may follow the end, because players count differently. If the
        # first number is 1, numbers are likely to count from 1, so none may follow.
        last = labelled if labelled >= count else others
        few = 0 if first == 1 else TOLERATED
        if early:
            spool.execute(DROP, (early.replace(OUT_OF_RANGE, "frames do not fit", 1), path))
        elif labelled >= count or (others is not None and others >= count + few):
            reason = (
                f"frames do not fit: number {last} is listed, counted from 0, and the video has {count}"
                + (" (option frame_base)" if last == count else "")  # frames may count from 1
            )
            spool.execute(DROP, (reason, path))
