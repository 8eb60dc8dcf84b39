"""From runs to their page."""

from collections.abc import Sequence

import numpy as np

from elimctl.commands.execution import Execution
from elimctl.figures.draw_runs import require_known
from elimctl.metrics.compare import Comparison
from elimctl.metrics.detail import Resampling
from elimctl.report import (
    analyses,
    data,
    groups,
    pictures,
    plane,
    provenance,
    published,
    rerun,
    scores,
    summary,
)
from elimctl.report.page import Page
from elimctl.report.subject import Subject, gather
from elimctl.workspace import Workspace


def build(
    workspace: Workspace,
    names: Sequence[str] = (),
    *,
    split: str = "val",
    faces: bool = False,
    only: Sequence[str] = (),
    resampling: Resampling = Resampling(),
    execution: Execution = Execution(),
) -> Page:
    """What the page of one or several runs shows.

    Args:
        workspace: where the runs and their datasets are.
        names: of the runs; none for the newest.
        split: that they are scored on; predicted where there are no predictions of the best checkpoint.
        faces: whether faces may be shown; licences of most datasets forbid to pass them on.
        only: names of the figures to draw; none for all.
        resampling: how intervals are computed.
        execution: device and progress.

    Raises:
        MissingError: there is no such run, or one has neither a checkpoint nor predictions.
        StoreError: saved predictions are damaged.
        DataError: there is no such split, or predictions are not finite.
        ConfigError: there is no such figure, or it takes several runs.
    """
    chosen: Sequence[str | None] = list(dict.fromkeys(names)) or [None]
    require_known(only, runs=len(chosen))
    subjects = [
        gather(workspace, name, split=split, resampling=resampling, faces=faces, execution=execution)
        for name in chosen
    ]
    return _page(subjects, resampling, faces=faces, only=only)


def _page(subjects: Sequence[Subject], resampling: Resampling, *, faces: bool, only: Sequence[str]) -> Page:
    compared = list(scores.comparisons(subjects, resampling))
    parts, analysed = data.parts(subjects), analyses.analyses(subjects)
    images = _faces(subjects) if faces else {}
    drawn, skipped = pictures.pictures(subjects, only)
    return Page(
        title=", ".join(subject.name for subject in subjects),
        summary=summary.summary(subjects, compared),
        remarks=[*_remarks(subjects, parts), *analysed.damaged],
        scores=list(scores.tables(subjects)),
        differences=list(scores.difference_tables([one for one in compared if isinstance(one, Comparison)])),
        incomparable=[one for one in compared if isinstance(one, str)],
        published=list(published.tables(subjects, data.card_names(subjects), data.doubts(parts))),
        planes=plane.planes(subjects, images),
        pictures=drawn,
        skipped=skipped,
        analyses=analysed,
        identities=list(groups.identity_tables(subjects)),
        clips=groups.clip_table(subjects, images),
        data=parts,
        settings=provenance.differences(subjects),
        reruns=[rerun.rerun(subject) for subject in subjects],
        provenance=provenance.table(subjects),
        shows_faces=bool(images),
    )


def _remarks(subjects: Sequence[Subject], parts: Sequence[data.DataPart]) -> list[str]:
    """What makes the scores doubtful, of the runs, then of their data."""
    found = [remark for subject in subjects for remark in subject.remarks]
    found += [
        f"{part.name} leaks: some scored samples were in the training data; see the audit below"
        for part in parts
        if part.leaking
    ]
    return [
        *found,
        *data.doubts(parts).values(),
        *(f"{part.name}: {part.problem}" for part in parts if part.problem),
    ]


def _faces(subjects: Sequence[Subject]) -> dict[tuple[str, int], str]:
    """The faces of the worst clips, and of the points of the planes, or of some of them."""
    most = groups.worst_per_run(subjects)
    worst = [
        np.array([members[0] for _, members in groups.worst_clips(subject, most)], np.int64)
        for subject in subjects
    ]
    shown = plane.faced_rows(subjects)
    return pictures.faces([*pictures.members(subjects, worst), *pictures.members(subjects, shown)])
