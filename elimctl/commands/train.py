"""From a recipe and a prepared dataset to a training session, new or resumed."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from elimctl import plugins
from elimctl.commands import crops
from elimctl.config import Values
from elimctl.errors import ConfigError
from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.loader.dataset import Dataset, open_dataset
from elimctl.loader.transforms import Transforms
from elimctl.loader.view import View
from elimctl.metrics.score import MetricOptions
from elimctl.predict.split import Sharing, shared_predictions
from elimctl.text import counted
from elimctl.train import hardware, latents, run, trackers
from elimctl.train.config import RunConfig, requested, resolve
from elimctl.train.pairs import require_matches
from elimctl.train.ranks import ALONE, Ranks
from elimctl.train.session import Session, Validate
from elimctl.train.task import AnyScores, Task, task_of, trained_task, training_samples, with_label_noise
from elimctl.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Setup:
    """What a run is trained on, and how."""

    config: RunConfig  # the resolved configuration
    dataset: Dataset  # the prepared dataset
    task: Task  # what the method learns
    samples: Samples  # training samples
    ranks: Ranks  # the processes that train the run

    @property
    def device(self) -> torch.device:
        """Device of this process."""
        return hardware.device(self.config.train.device, local=self.ranks.local)

    @property
    def view(self) -> View:
        """What the network sees of a stored image."""
        return View(self.config.model.image_px, self.dataset.reader.shape[1])


def start(
    workspace: Workspace, config: RunConfig, *, name: str | None = None, ranks: Ranks = ALONE
) -> Session:
    """Make a new run, and a session that trains it from the first step.

    Args:
        workspace: where the dataset is and the run goes.
        config: the settings; what is None follows from the training split.
        name: of the run; None: `<method>-<backbone>-<number>`.
        ranks: the processes that train the run; all see the same workspace.

    Raises:
        ConfigError: the settings do not fit each other or the dataset, or the name is taken.
        DataError: an empty split, too few identities, or no two groups to match in a batch.
        MissingError: no dataset is prepared, or several are and none is named.
    """
    dataset = open_dataset(workspace.dataset(config.data.name))
    task = task_of(config, dataset)
    samples = with_label_noise(training_samples(config, dataset, task), config)
    wanted = requested(config)
    wanted["data"]["name"] = dataset.name
    counts = np.bincount(samples.identity).tolist()
    config = resolve(config, samples=counts, dataset=dataset.name, classes=len(task.classes))
    setup = Setup(config, dataset, task, samples, ranks)
    ranks.require_same((dataset.digest, config), "a dataset or settings")
    trackers.require(config.train.trackers)
    if config.train.compile:
        hardware.require_compiler(setup.device)
    folder = workspace.new_run(ranks.agree(name or run.new_name(workspace.runs, config)))
    session = _session(run.Run(folder), setup)
    require_matches(config, session.batches)
    session.batches.batch(0)  # an error in the data comes before the run exists
    facts = _facts(setup) | run.parameter_facts(session.model) | {"asked": wanted}
    ranks.first_only(lambda: run.create(folder, config, facts=facts))
    return session


def resume(workspace: Workspace, *, name: str | None = None, ranks: Ranks = ALONE) -> Session:
    """Continue a run from its last checkpoint.

    Args:
        workspace: where the run is.
        name: of the run; None: the newest.
        ranks: the processes that train the run; their number may have changed.

    Raises:
        ConfigError: the run has all its steps, or its dataset has changed.
    """
    resumed = run.Run(workspace.run(name))
    config = resumed.config()
    dataset = open_dataset(workspace.dataset(config.data.name))
    resumed.require_manifest(dataset.digest)
    task = trained_task(resumed)
    samples = with_label_noise(training_samples(config, dataset, task), config)
    session = _session(resumed, Setup(config, dataset, task, samples, ranks))
    session.resume()
    if session.finished:
        steps = session.progress.step
        state = (
            f"stopped early at step {steps}" if session.stale else f"has done all of {counted(steps, 'step')}"
        )
        raise ConfigError(
            f"run {resumed.name} {state}; there is nothing to resume",
            hint="evaluate it with elimctl eval, or train a new run",
        )
    return session


def device_of(workspace: Workspace, name: str | None) -> str:
    """The device setting of a run (None: the newest); it decides how ranks communicate."""
    return run.Run(workspace.run(name)).config().train.device


def _session(of_run: run.Run, setup: Setup) -> Session:
    """A session at step 0."""
    config, dataset, ranks = setup.config, setup.dataset, setup.ranks
    _require_whole(config, ranks)
    train, crop_px = config.train, config.model.image_px
    kept = getattr(config.method_config(), "samples_per_identity", 2)  # k of methods that select samples
    plan = Plan(
        batch_size=train.batch_size or 1,
        sampler=train.sampler or "shuffle",
        identities_per_batch=train.identities_per_batch,
        min_samples=max(kept, 2) if train.sampler == "shuffle" else 2,
        crop_px=crop_px,
        hflip=train.hflip,
        seed=train.seed,
        rank=ranks.rank,
        ranks=ranks.size,
        transforms=Transforms(train.transforms, crop_px=crop_px) if train.transforms else None,
    )
    batches = Batches(
        dataset.reader,
        setup.samples,
        plan,
        workers=train.workers,
        processes=train.worker_kind == "process",
        pinned=setup.device.type == "cuda",
    )
    validate, model = _validation(setup), run.build_model(config)
    if not train.latents:
        return Session(of_run, train, model, batches, validate, ranks)
    if not hasattr(model, "latent"):
        raise ConfigError(
            f"train.latents with {config.method_name}, which has no latent distributions",
            hint="leave train.latents out, or train --method dmue",
        )
    watched = latents.some(latents.annotated(dataset, setup.task, config), train.latents)
    path = of_run.folder / latents.NAME
    probe = latents.probe(path, dataset, watched, view=setup.view, device=setup.device)
    return Session(of_run, train, model, batches, validate, ranks, probe=probe, logs=(path,))


def _require_whole(config: RunConfig, ranks: Ranks) -> None:
    """Refuse to split a batch for a method that needs the whole batch."""
    parts = config.train.accumulate
    if getattr(plugins.find("methods", config.method_name), "WHOLE_BATCHES", False) and (
        ranks.size > 1 or parts > 1
    ):
        raise ConfigError(
            f"{config.method_name} on {ranks.size} ranks with train.accumulate = {parts}, expected 1 and 1: "
            "it cannot learn from parts of a batch",
            hint=f"train {config.method_name} with --nproc 1 and --set train.accumulate=1",
        )


def _validation(setup: Setup) -> Validate:
    """A function that scores a model on the validation split, exactly as `elimctl eval` does."""
    task, reader, ranks, view = setup.task, setup.dataset.reader, setup.ranks, setup.view
    val = task.samples(setup.dataset, "val", fold=setup.config.data.fold)  # an empty split fails here
    target, device = task.target(val), setup.device

    def validate(model: nn.Module) -> AnyScores:
        batches = shared_predictions(
            model.predict,  # type: ignore[arg-type]
            reader,
            val.index,
            target,
            view=view,
            device=device,
            sharing=Sharing(task.width, ranks.rank, ranks.size, ranks.add_up),
        )
        return task.score(batches, MetricOptions(), split="val")

    return validate


def _facts(setup: Setup) -> Values:
    config, dataset, samples = setup.config, setup.dataset, setup.samples
    return {
        "dataset": dataset.name,
        "manifest": dataset.digest,
        "crop": crops.recipe(dataset.folder),
        "fold": config.data.fold,
        "train_samples": len(samples),
        "train_identities": len(samples.names),
        **({"classes": list(setup.task.classes)} if setup.task.classes else {}),
        "weights": "ImageNet" if config.model.pretrained else f"random ({config.model.init})",
    }
