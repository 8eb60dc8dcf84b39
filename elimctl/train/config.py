"""Configuration of a run: dataset, network, method, training."""

from statistics import median
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from elimctl import plugins
from elimctl.backbones.config import BackboneConfig
from elimctl.config import Config, Values, validate
from elimctl.errors import ConfigError
from elimctl.loader.sampler import steps_per_epoch

# Images per batch of each backbone (Kim & Song 2022, A.2); other backbones take the smallest.
PAPER_BATCH = {"al": 512, "r18": 256, "mmx": 128}
PAIR = 2  # samples of an identity that matching needs
MIN_IMAGES = 4000  # least number of images of a run of default length

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class DataConfig(Config):
    """The prepared dataset and the held-out fold."""

    name: str | None = None  # folder under data/; None: the only one
    fold: Annotated[int, Field(ge=0)] = 0  # held-out fold: it is `val`, the others are `train`
    label_noise: Share = 0.0  # share of training samples that get a wrong class on purpose; E.4


class Rates(Config):
    """Learning rates from an epoch on; None: unchanged."""

    epoch: Positive  # number of the epoch; the first is 0
    backbone: Rate | None = None  # of trunk and neck
    projector: Rate | None = None


class TrainConfig(Config):
    """Optimiser, schedule and batches. A.2, A.9, A.10 and E.4 are in docs/methods.md."""

    steps: Positive | None = None  # optimiser steps; None: see `resolve`
    epochs: Positive = 10  # passes over the training split when `steps` is None
    batch_size: Positive | None = None  # images, of all ranks together; None: see `resolve`; A.10 row 22
    sampler: Literal["identity", "shuffle", "class"] | None = None  # None: the method's own; A.10 row 23
    max_identities: Positive | None = None  # identities of the training split, chosen by the seed; A.12
    identities_per_batch: Positive = 10  # N, of all ranks together; A.10 row 19
    lr_backbone: Rate = 5e-5  # Adam, trunk and neck; A.10 row 10
    lr_projector: Rate = 1e-5  # Adam, projector; A.10 row 10
    betas: tuple[Beta, Beta] = (0.5, 0.9)  # Adam; A.10 row 9
    lr_decay: Rate = 0.8  # factor at each milestone; A.9
    milestones: tuple[Positive, ...] | None = None  # steps; None: 5,000, then every 20,000; A.10 row 11
    rates: tuple[Rates, ...] = ()  # instead of milestones, by epoch; E.4
    weight_decay: Annotated[float, Field(ge=0)] = 0.0  # L2 term in the gradient; A.9, E.4
    clip_norm: Rate | None = None  # largest gradient norm of the backbone; None: off; A.10 row 18
    hflip: Share = 0.5  # probability of a horizontal flip
    transforms: tuple[dict[str, Any], ...] = ()  # of albumentations, after the flip
    workers: Annotated[int, Field(ge=0)] = 1  # number of workers that load batches ahead; 0: none
    worker_kind: Literal["thread", "process"] = "thread"  # process: for slow transforms in Python
    # auto: bf16 if the hardware multiplies it faster than float32
    precision: Literal["auto", "float32", "bf16", "fp16"] = "auto"
    channels_last: bool = True  # memory format of images and weights
    compile: bool = False  # compile the network with torch.compile
    fused: bool | None = None  # fused Adam; None: on CUDA only
    accumulate: Positive = 1  # number of parts of a batch, one after another, to save memory
    device: str = "auto"  # auto: cuda if there is one; or cpu, cuda, cuda:1
    seed: Annotated[int, Field(ge=0)] = 0
    eval_every: Positive | None = None  # steps between validations; None: see `resolve`
    checkpoint_every: Positive | None = None  # steps between checkpoints; None: as `eval_every`
    latents: Annotated[int, Field(ge=0)] = 0  # number of samples with logged latent distributions; only DMUE
    patience: Positive | None = None  # validations without improvement before the run stops; None: off
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = ()  # beside metrics.csv

    @field_validator("rates")
    @classmethod
    def _one_schedule(cls, value: tuple[Rates, ...], info: ValidationInfo) -> tuple[Rates, ...]:
        epochs = [entry.epoch for entry in value]
        if epochs != sorted(set(epochs)):
            raise ValueError(f"epochs {epochs} do not increase")
        if value and info.data.get("milestones") is not None:
            raise ValueError("cannot be combined with train.milestones")
        return value


class RunConfig(Config):
    """Everything that decides what a run computes; stored as recipe.toml in the run's folder."""

    data: DataConfig = DataConfig()
    model: BackboneConfig = BackboneConfig()
    # `name`, and the keys of that method's Config
    method: dict[str, Any] = Field(default_factory=lambda: {"name": "elim"})
    train: TrainConfig = TrainConfig()

    @property
    def method_name(self) -> str:
        """Name of the method's plug-in."""
        return str(self.method.get("name", "elim"))

    def method_config(self, **more: Any) -> Config:
        """The method's own, validated configuration; `more` are further keys of it."""
        keys = {key: value for key, value in self.method.items() if key != "name"} | more
        return validate(plugins.find("methods", self.method_name).Config, keys, where="method")


def resolve(
    config: RunConfig, *, samples: list[int], dataset: str | None = None, classes: int = 0
) -> RunConfig:
    """Fill in what follows from the dataset; afterwards the configuration is only read.

    * The dataset's name, and the number of classes for a method that learns classes.
    * The neck that the method prefers, if the backbone has it and the recipe names none.
    * The batch size: the paper's for the backbone. On a small split it is at most the split, and with
      identity-balanced batches at most N identities of median size, so that few images are repeated.
    * The number of steps: `epochs` passes over the split, and at least `MIN_IMAGES` images.
    * The steps between validations and checkpoints: one epoch, at most ten times a run.
    * The steps of an epoch, for a method with `epoch_steps`.

    Args:
        config: the settings of a run.
        samples: number of training samples of each identity.
        dataset: its name; None: as in `config`.
        classes: number of classes; 0: the method learns valence and arousal.

    Raises:
        ConfigError: batches have to be balanced over identities, and most identities have one sample.
    """
    train, model, plugin = config.train, config.model, plugins.find("methods", config.method_name)
    sampler = train.sampler or plugin.SAMPLER
    if sampler == "identity" and median(samples) < PAIR:
        raise ConfigError(
            f"most of the {len(samples)} identities have one sample; "
            f"{config.method_name} matches identities and needs several samples of each",
            hint="prepare with other identities (--identity age-group, cluster ...), or train --method erm",
        )
    neck, necks = getattr(plugin, "NECK", None), getattr(plugins.find("backbones", model.name), "NECKS", ())
    if neck in necks and "neck" not in model.model_fields_set:
        model = model.model_copy(update={"neck": neck})
    batch_size = train.batch_size or _batch_size(config, samples, balanced=sampler == "identity")
    per_epoch = steps_per_epoch(sum(samples), batch_size)
    steps = train.steps or max(train.epochs * per_epoch, -(-MIN_IMAGES // batch_size))
    eval_every = train.eval_every or min(steps, max(per_epoch, -(-steps // 10)))
    settings = config.method_config(**({"classes": classes} if classes else {})).model_dump()
    if settings.get("epoch_steps", per_epoch) is None:
        settings["epoch_steps"] = per_epoch
    filled = {
        "sampler": sampler,
        "batch_size": batch_size,
        "steps": steps,
        "eval_every": eval_every,
        "checkpoint_every": train.checkpoint_every or eval_every,
    }
    return config.model_copy(
        update={
            "data": config.data.model_copy(update={"name": dataset or config.data.name}),
            "model": model,
            "method": {"name": config.method_name, **settings},
            "train": train.model_copy(update=filled),
        }
    )


def _batch_size(config: RunConfig, samples: list[int], *, balanced: bool) -> int:
    largest = PAPER_BATCH.get(config.model.name, min(PAPER_BATCH.values()))
    if balanced:
        largest = min(largest, config.train.identities_per_batch * max(PAIR, int(median(samples))))
    return max(2, min(largest, sum(samples)))


def requested(config: RunConfig) -> Values:
    """The settings before `resolve`, as values for JSON; None: to be filled in."""
    method = {"name": config.method_name, **config.method_config().model_dump(mode="json")}
    return {**config.model_dump(mode="json"), "method": method}


def to_values(config: Config) -> Values:
    """A configuration as plain values, ready for TOML."""
    return config.model_dump(mode="json", exclude_none=True)
