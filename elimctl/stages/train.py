"""From a recipe and a prepared dataset to a training session, new or resumed."""

import numpy as np
from torch import nn

from elimctl.config import Values
from elimctl.errors import ConfigError, DataError
from elimctl.evaluate.score import MetricOptions, Scores, accumulate, score
from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.loader.crop import centre
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
    _check(config, samples, dataset)
    model = run.build_model(config)
    validate = _validation(config, dataset)
    facts = _facts(config, dataset, samples) | run.parameter_facts(model)
    made = run.create(workspace.runs / (name or run.new_name(workspace.runs, config)), config, facts=facts)
    return _session(made, config, model, dataset, samples, validate)


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
    if dataset.digest != found.facts().get("manifest"):
        raise ConfigError(
            f"dataset {dataset.name} was prepared anew since run {found.name} began",
            hint="train a new run: elimctl train",
        )
    samples = dataset.samples("train", fold=config.data.fold)
    session = _session(found, config, run.build_model(config), dataset, samples, _validation(config, dataset))
    session.resume()
    if session.progress.step >= (config.train.steps or 0):
        raise ConfigError(
            f"run {found.name} has all its {session.progress.step} steps",
            hint="evaluate it with elimctl eval, or train a new run",
        )
    return session


def _session(
    made: run.Run,
    config: RunConfig,
    model: nn.Module,
    dataset: Dataset,
    samples: Samples,
    validate: Validate,
) -> Session:
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
    return Session(made, train, model, Batches(dataset.reader, samples, plan), validate)


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


def _check(config: RunConfig, samples: Samples, dataset: Dataset) -> None:
    """Refuse, before a run is made, what its first step would refuse."""
    centre(np.empty((0, *dataset.reader.shape[1:]), np.uint8), config.model.image_px)
    train = config.train
    if train.sampler == "identity" and len(samples.names) < train.identities:
        raise DataError(
            f"{len(samples.names)} identities in the training split of {dataset.name}, "
            f"{train.identities} wanted in a batch",
            hint=f"add --set train.identities={len(samples.names)}, or prepare more identities",
        )


def _facts(config: RunConfig, dataset: Dataset, samples: Samples) -> Values:
    return {
        "dataset": dataset.name,
        "manifest": dataset.digest,
        "fold": config.data.fold,
        "train_samples": len(samples),
        "train_identities": len(samples.names),
        "weights": "ImageNet" if config.model.pretrained else f"random ({config.model.init})",
    }
