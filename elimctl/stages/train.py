"""From a recipe and a prepared dataset to a training session, new or resumed."""

import numpy as np
from torch import nn

from elimctl.config import Values
from elimctl.errors import ConfigError
from elimctl.evaluate.score import MetricOptions, Scores, accumulate, score
from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.stages.dataset import Dataset, open_dataset
from elimctl.stages.evaluate import predict_split
from elimctl.train import hardware, run
from elimctl.train.config import DataConfig, RunConfig, resolve
from elimctl.train.loop import Session, Validate
from elimctl.workspace import Workspace


def start(workspace: Workspace, config: RunConfig, *, name: str | None = None) -> Session:
    """Make a new run and a session that trains it from the first step.

    Args:
        workspace: where the dataset is and the run goes.
        config: the run's settings; what is None there is filled in from the training split.
        name: the run's name; None for `<method>-<backbone>-<number>`.

    Raises:
        ConfigError: the settings contradict each other or the dataset, or the name is taken.
        DataError: an empty split, or fewer identities than a batch wants.
        MissingError: no dataset is prepared, or it is not clear which is meant.
    """
    dataset = open_dataset(workspace.dataset(config.data.name))
    samples = dataset.samples("train", fold=config.data.fold)
    config = config.model_copy(update={"data": DataConfig(name=dataset.name, fold=config.data.fold)})
    config = resolve(config, samples=np.bincount(samples.identity).tolist())
    folder = workspace.new_run(name or run.new_name(workspace.runs, config))
    session = _session(run.Run(folder), config, dataset, samples)
    session.batches.batch(0)  # whatever forbids training is found before there is a run
    facts = _facts(config, dataset, samples) | run.parameter_facts(session.model)
    run.create(folder, config, facts=facts)
    return session


def resume(workspace: Workspace, *, name: str | None = None) -> Session:
    """Take up a run where its last checkpoint left it.

    Args:
        workspace: where the run is.
        name: the run's name; None for the newest.

    Raises:
        ConfigError: the run has all its steps already, or its dataset has changed since.
    """
    found = run.Run(workspace.run(name))
    config = found.config()
    dataset = open_dataset(workspace.dataset(config.data.name))
    found.require_manifest(dataset.digest)
    session = _session(found, config, dataset, dataset.samples("train", fold=config.data.fold))
    session.resume()
    if session.progress.step >= (config.train.steps or 0):
        raise ConfigError(
            f"run {found.name} has all its {session.progress.step} steps",
            hint="evaluate it with elimctl eval, or train a new run",
        )
    return session


def _session(made: run.Run, config: RunConfig, dataset: Dataset, samples: Samples) -> Session:
    """A session at step 0."""
    train = config.train
    kept = getattr(config.method_config(), "samples", 2)  # k of methods that select samples
    plan = Plan(
        batch_size=train.batch_size or 1,
        sampler=train.sampler or "shuffle",
        identities=train.identities,
        min_samples=max(kept, 2) if train.sampler == "shuffle" else 2,
        crop_px=config.model.image_px,
        flip=train.flip,
        seed=train.seed,
    )
    batches = Batches(dataset.reader, samples, plan)
    return Session(made, train, run.build_model(config), batches, _validation(config, dataset))


def _validation(config: RunConfig, dataset: Dataset) -> Validate:
    """A function that scores a model on the validation split, exactly as `elimctl eval` does."""
    dataset.samples("val", fold=config.data.fold)  # an empty split is refused before training
    device = hardware.device(config.train.device)

    def validate(model: nn.Module) -> Scores:
        batches, _ = predict_split(
            model.predict,  # type: ignore[arg-type]
            dataset,
            "val",
            fold=config.data.fold,
            crop_px=config.model.image_px,
            device=device,
        )
        return score(accumulate(batches), MetricOptions(), split="val")

    return validate


def _facts(config: RunConfig, dataset: Dataset, samples: Samples) -> Values:
    return {
        "dataset": dataset.name,
        "manifest": dataset.digest,
        "fold": config.data.fold,
        "train_samples": len(samples),
        "train_identities": len(samples.names),
        "weights": "ImageNet" if config.model.pretrained else f"random ({config.model.init})",
    }
