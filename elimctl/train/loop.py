"""The training loop: a generator that prints nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from elimctl.errors import DataError
from elimctl.loader.batch import Batch
from elimctl.train import checkpoint, log, optimiser, trackers
from elimctl.train.config import to_values
from elimctl.train.progress import Report
from elimctl.train.session import Session
from elimctl.train.step import diverged, take_step


def fit(session: Session, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Report]:
    """Train a run until its last step, early stopping, or `stop`.

    Args:
        session: the run, new or resumed.
        stop: called after every step on rank 0; if true, the run is saved and the generator ends.

    Yields:
        One report per step. The checkpoint `last` holds the state after the last reported step.

    Raises:
        TrainingError: a loss is not finite; the message names the step and the identities of the batch.
        ConfigError: a tracker is not installed.
    """
    config, steps, ranks = session.config, session.config.steps or 0, session.ranks
    started, images = time.perf_counter(), 0
    with closing(_trackers(session)) as tracker:
        for batch in session.batches.stream(session.progress.step, steps):
            epoch = batch.step // session.batches.steps_per_epoch
            lr = optimiser.set_rates(session.optimizer, config, step=batch.step, epoch=epoch)
            losses = take_step(session, batch)
            images += len(batch.target)
            session.progress = replace(session.progress, step=batch.step + 1)
            speed = images / (time.perf_counter() - started)
            report = _validate(session, batch, Report(session.progress.step, steps, losses, lr, speed))
            stopping = ranks.agree_on(stop())
            if ranks.first:
                # log before checkpoint: resuming can remove later rows, but cannot add missing ones
                log.append(session.run.log, report, steps_per_epoch=session.batches.steps_per_epoch)
                if session.probe is not None and report.scores is not None:
                    session.probe(session.model, report.step)
                tracker.log(report.step, trackers.values(report))
                report = _save(session, report, stopping=stopping)
            yield report
            if stopping or session.finished:
                return


def _trackers(session: Session) -> trackers.Trackers:
    """The trackers of a run, on rank 0."""
    names, run = session.config.trackers, session.run
    if not names or not session.ranks.first:
        return trackers.Trackers([])
    recipe = to_values(run.config())
    return trackers.open_trackers(
        names, folder=run.folder, name=run.name, config=recipe, step=session.progress.step
    )


def _validate(session: Session, batch: Batch, report: Report) -> Report:
    """Validate if it is due, and keep the best weights."""
    if report.step != report.steps and report.step % (session.config.eval_every or report.steps):
        return replace(report, best=session.progress.best)
    try:
        scores = session.validate(session.model.eval())
    except DataError as error:
        raise diverged(session, batch, error.message) from error
    if session.progress.best is None or scores.best > session.progress.best:
        session.progress = replace(session.progress, best=scores.best, best_step=report.step)
        if session.ranks.first:
            checkpoint.save(session.run.best, session.model, None, replace(session.progress, scaler=None))
    return replace(report, scores=scores, best=session.progress.best)


def _save(session: Session, report: Report, *, stopping: bool) -> Report:
    """Write the checkpoint to resume from, if it is due."""
    due = report.step % (session.config.checkpoint_every or report.steps) == 0
    if not (due or stopping or session.finished):
        return report
    session.save()
    return replace(report, saved=session.run.last)
