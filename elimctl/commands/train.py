"""From a recipe and a prepared dataset to a training session, new or resumed."""

import numpy as np
from torch import nn

from elimctl import plugins
from elimctl.commands import crops
from elimctl.config import Values
from elimctl.errors import ConfigError
from elimctl.loader import subset
from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.loader.dataset import Dataset, open_dataset
from elimctl.loader.sampler import steps_per_epoch
from elimctl.loader.transforms import Transforms
from elimctl.loader.view import View
from elimctl.metrics.score import MetricOptions
from elimctl.predict.split import Sharing, shared_predictions
from elimctl.text import counted
from elimctl.train import hardware, latents, run, trackers
from elimctl.train.config import RunConfig, asked, resolve
from elimctl.train.pairs import require_matches
from elimctl.train.ranks import ALONE, Ranks
from elimctl.train.session import Session, Validate
from elimctl.train.task import AnyScores, Task, task_of, trained_task, training_samples
from elimctl.workspace import Workspace


def start(
    workspace: Workspace, config: RunConfig, *, name: str | None = None, ranks: Ranks = ALONE
) -> Session:
    """Make a new run and a session that trains it from the first step.

    Args:
        workspace: where the dataset is and the run goes; all ranks see the same.
        config: the run's settings; what is None there is filled in from the training split.
        name: the run's name; None for `<method>-<backbone>-<number>`.
        ranks: the processes that train it.

    Raises:
        ConfigError: the settings contradict each other or the dataset, or the name is taken.
        DataError: an empty split, fewer identities than a batch wants, or never two groups to match in one.
        MissingError: no dataset is prepared, or it is not clear which is meant.
    """
    dataset = open_dataset(workspace.dataset(config.data.name))
    config = config.model_copy(update={"data": config.data.model_copy(update={"name": dataset.name})})
    wanted = asked(config)
    task = task_of(config, dataset)
    config = _of_method(config, task)
    samples = _samples(config, dataset, task)
    config = _with_epoch(resolve(config, samples=np.bincount(samples.identity).tolist()), len(samples))
    ranks.require_same((dataset.digest, config), "a dataset or settings")
    trackers.require(config.train.trackers)
    if config.train.compile:
        hardware.require_compiler(hardware.device(config.train.device, local=ranks.local))
    folder = workspace.new_run(ranks.agree(name or run.new_name(workspace.runs, config)))
    session = _session(run.Run(folder), config, dataset, task, samples, ranks)
    require_matches(config, session.batches)
    session.batches.batch(0)  # whatever forbids training is found before there is a run
    facts = _facts(config, dataset, task, samples) | run.parameter_facts(session.model) | {"asked": wanted}
    ranks.first_only(lambda: run.create(folder, config, facts=facts))
    return session


def resume(workspace: Workspace, *, name: str | None = None, ranks: Ranks = ALONE) -> Session:
    """Take up a run where its last checkpoint left it.

    Args:
        workspace: where the run is.
        name: the run's name; None for the newest.
        ranks: the processes that train it, maybe of another number than before.

    Raises:
        ConfigError: the run has all its steps already, or its dataset has changed since.
    """
    found = run.Run(workspace.run(name))
    config = found.config()
    dataset = open_dataset(workspace.dataset(config.data.name))
    found.require_manifest(dataset.digest)
    task = trained_task(found)
    session = _session(found, config, dataset, task, _samples(config, dataset, task), ranks)
    session.resume()
    if session.finished:
        steps = session.progress.step
        done = f"ended early, at step {steps}" if session.stale else f"has all of {counted(steps, 'step')}"
        raise ConfigError(
            f"run {found.name} {done}; there is nothing to resume",
            hint="evaluate it with elimctl eval, or train a new run",
        )
    return session


def device_of(workspace: Workspace, name: str | None) -> str:
    """The device that a run asks for, which decides how its ranks talk to each other.

    Args:
        workspace: where the run is.
        name: the run's name; None for the newest.
    """
    return run.Run(workspace.run(name)).config().train.device


def _samples(config: RunConfig, dataset: Dataset, task: Task) -> Samples:
    """The samples that a run trains on, some of them maybe flipped to other classes."""
    samples = training_samples(config, dataset, task)
    return (
        subset.flipped(samples, config.data.label_noise, seed=config.train.seed)
        if config.data.label_noise
        else samples
    )


def _of_method(config: RunConfig, task: Task) -> RunConfig:
    """Fill in what a method wants to know of its task, and the neck that it wants where the backbone has it.

    Raises:
        ConfigError: `data.label_noise` for a method that learns no classes.
    """
    plugin = plugins.find("methods", config.method_name)
    if task.classes:
        config = config.model_copy(update={"method": {**config.method, "classes": len(task.classes)}})
    elif config.data.label_noise:
        raise ConfigError(
            f"data.label_noise with {config.method_name}, which learns no classes",
            hint="leave data.label_noise out, or train --method dmue or cross-entropy",
        )
    neck, backbone = getattr(plugin, "NECK", None), plugins.find("backbones", config.model.name)
    if neck in getattr(backbone, "NECKS", ()) and "neck" not in config.model.model_fields_set:
        config = config.model_copy(update={"model": config.model.model_copy(update={"neck": neck})})
    return config


def _with_epoch(config: RunConfig, count: int) -> RunConfig:
    """Tell a method that wants to know how many steps an epoch has."""
    if config.method.get("epoch_steps", 1) is not None:  # it has no such setting, or a recipe set it
        return config
    steps = steps_per_epoch(count, config.train.batch_size or 1)
    return config.model_copy(update={"method": {**config.method, "epoch_steps": steps}})


def _session(
    made: run.Run, config: RunConfig, dataset: Dataset, task: Task, samples: Samples, ranks: Ranks
) -> Session:
    """A session at step 0."""
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
        samples,
        plan,
        workers=train.workers,
        processes=train.worker_kind == "process",
        pinned=hardware.device(train.device, local=ranks.local).type == "cuda",
    )
    validate, model = _validation(config, dataset, task, ranks), run.build_model(config)
    if not train.latents:
        return Session(made, train, model, batches, validate, ranks)
    if not hasattr(model, "latent"):
        raise ConfigError(
            f"train.latents with {config.method_name}, which mines no latent distributions",
            hint="leave train.latents out, or train --method dmue",
        )
    watched = latents.some(latents.annotated(dataset, task, config), train.latents)
    path, device = made.folder / latents.NAME, hardware.device(train.device, local=ranks.local)
    probe = latents.probe(path, dataset, watched, view=_view(config, dataset), device=device)
    return Session(made, train, model, batches, validate, ranks, probe=probe, logs=(path,))


def _require_whole(config: RunConfig, ranks: Ranks) -> None:
    """Refuse to spread a batch where a method wants all of it in one place.

    Raises:
        ConfigError: there are several ranks, or parts.
    """
    parts = config.train.accumulate
    if getattr(plugins.find("methods", config.method_name), "WHOLE_BATCHES", False) and (
        ranks.size > 1 or parts > 1
    ):
        raise ConfigError(
            f"{config.method_name} on {ranks.size} ranks with train.accumulate = {parts}, 1 and 1 wanted: "
            "it cannot learn from parts of a batch",
            hint=f"train {config.method_name} with one process and train.accumulate = 1",
        )


def _validation(config: RunConfig, dataset: Dataset, task: Task, ranks: Ranks) -> Validate:
    """A function that scores a model on the validation split, exactly as `elimctl eval` does."""
    val = task.samples(dataset, "val", fold=config.data.fold)  # an empty split is refused before training
    view, target = _view(config, dataset), task.target(val)
    device = hardware.device(config.train.device, local=ranks.local)

    def validate(model: nn.Module) -> AnyScores:
        batches = shared_predictions(
            model.predict,  # type: ignore[arg-type]
            dataset.reader,
            val.index,
            target,
            view=view,
            device=device,
            sharing=Sharing(task.width, ranks.rank, ranks.size, ranks.add_up),
        )
        return task.score(batches, MetricOptions(), split="val")

    return validate


def _view(config: RunConfig, dataset: Dataset) -> View:
    """What the network sees of a run's own dataset."""
    return View(config.model.image_px, dataset.reader.shape[1])


def _facts(config: RunConfig, dataset: Dataset, task: Task, samples: Samples) -> Values:
    return {
        "dataset": dataset.name,
        "manifest": dataset.digest,
        "crop": crops.recipe(dataset.folder),
        "fold": config.data.fold,
        "train_samples": len(samples),
        "train_identities": len(samples.names),
        **({"classes": list(task.classes)} if task.classes else {}),
        "weights": "ImageNet" if config.model.pretrained else f"random ({config.model.init})",
    }
