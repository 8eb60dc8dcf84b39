"""Settings of a run: which data, which network, which method, trained how."""

from statistics import median
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from elimctl import plugins
from elimctl.backbones.config import BackboneConfig
from elimctl.config import Config, Values, validate
from elimctl.errors import ConfigError
from elimctl.loader.sampler import steps_per_epoch

# Images in a batch by backbone (Kim & Song 2022, A.2); other backbones take the smallest.
PAPER_BATCH = {"al": 512, "r18": 256, "mmx": 128}
PAIR = 2  # samples of an identity that can be matched at least
MIN_IMAGES = 4000  # images a run of default length sees at least, however small its training split

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class DataConfig(Config):
    """Which prepared dataset, and which of its folds is held out."""

    name: str | None = None  # folder under data/; None: the only one
    fold: Annotated[int, Field(ge=0)] = 0  # fold that is `val`; the others are `train`
    label_noise: Share = 0.0  # share of the training samples that get another class on purpose; E.4


class Rates(Config):
    """Learning rates from an epoch on; one that is None stays as it was."""

    epoch: Positive  # number of the epoch, the first one being 0
    backbone: Rate | None = None  # of trunk and neck
    projector: Rate | None = None


class TrainConfig(Config):
    """Optimiser, schedule and batches. A.2, A.9, A.10 and E.4 are in docs/methods.md."""

    steps: Positive | None = None  # optimisation steps; None: see `resolve`
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
    rates: tuple[Rates, ...] = ()  # in place of milestones, epoch by epoch; E.4
    weight_decay: Annotated[float, Field(ge=0)] = 0.0  # times a weight, added to its gradient; A.9, E.4
    clip_norm: Rate | None = None  # largest gradient norm of the backbone; None: off; A.10 row 18
    hflip: Share = 0.5  # probability of a horizontal flip
    transforms: tuple[dict[str, Any], ...] = ()  # of albumentations, applied to each crop after that
    workers: Annotated[int, Field(ge=0)] = 1  # that make batches ahead; 0: none
    worker_kind: Literal["thread", "process"] = "thread"  # process: where transforms hold threads up
    # auto: bf16 where the hardware is fast at it
    precision: Literal["auto", "float32", "bf16", "fp16"] = "auto"
    channels_last: bool = True  # memory format of images and weights
    compile: bool = False  # whether the network is compiled by torch
    fused: bool | None = None  # Adam in one kernel; None: on CUDA
    accumulate: Positive = 1  # parts of a batch that go through the network one by one, to save memory
    device: str = "auto"  # auto: cuda if there is one; or cpu, cuda, cuda:1
    seed: Annotated[int, Field(ge=0)] = 0
    eval_every: Positive | None = None  # steps between validations; None: see `resolve`
    checkpoint_every: Positive | None = None  # steps between checkpoints; None: as `eval_every`
    latents: Annotated[int, Field(ge=0)] = 0  # samples whose latent distributions validations log; DMUE alone
    patience: Positive | None = None  # validations without a better CCC after which a run ends; None: never
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = ()  # beside metrics.csv

    @field_validator("rates")
    @classmethod
    def _one_schedule(cls, value: tuple[Rates, ...], info: ValidationInfo) -> tuple[Rates, ...]:
        epochs = [entry.epoch for entry in value]
        if epochs != sorted(set(epochs)):
            raise ValueError(f"from epochs {epochs}, which should rise")
        if value and info.data.get("milestones") is not None:
            raise ValueError("beside train.milestones, one of them wanted")
        return value


class RunConfig(Config):
    """Everything that decides what a run computes; stored with it as recipe.toml."""

    data: DataConfig = DataConfig()
    model: BackboneConfig = BackboneConfig()
    # `name`, and the keys of that method's Config
    method: dict[str, Any] = Field(default_factory=lambda: {"name": "elim"})
    train: TrainConfig = TrainConfig()

    @property
    def method_name(self) -> str:
        """Name of the method's plug-in."""
        return str(self.method.get("name", "elim"))

    def method_config(self) -> Config:
        """The method's own, validated configuration."""
        keys = {key: value for key, value in self.method.items() if key != "name"}
        return validate(plugins.find("methods", self.method_name).Config, keys, where="method")


def resolve(config: RunConfig, *, samples: list[int]) -> RunConfig:
    """Fill in what follows from the training split.

    * The batch is the paper's for the backbone; on a small split no larger than the split, nor (with
      identity-balanced batches) than N identities of median size, so that few frames are repeated.
    * The number of steps is `epochs` passes over the split, and at least `MIN_IMAGES` images.
    * Validation and checkpoints come once an epoch, at most ten times a run.

    Args:
        config: a run's settings.
        samples: number of training samples of each identity.

    Returns:
        The same settings with no None left among those.

    Raises:
        ConfigError: batches are to be balanced over identities, and most of these have a single sample.
    """
    train, method = config.train, config.method_config()
    sampler = train.sampler or plugins.find("methods", config.method_name).SAMPLER
    if sampler == "identity" and median(samples) < PAIR:
        raise ConfigError(
            f"most of the {len(samples)} identities have one sample; "
            f"{config.method_name} matches identities, so it wants several of each",
            hint="prepare with other identities (--identity age-group, cluster ...), or train --method erm",
        )
    batch_size = train.batch_size or _batch_size(config, samples, balanced=sampler == "identity")
    per_epoch = steps_per_epoch(sum(samples), batch_size)
    steps = train.steps or max(train.epochs * per_epoch, -(-MIN_IMAGES // batch_size))
    eval_every = train.eval_every or min(steps, max(per_epoch, -(-steps // 10)))
    filled = {
        "sampler": sampler,
        "batch_size": batch_size,
        "steps": steps,
        "eval_every": eval_every,
        "checkpoint_every": train.checkpoint_every or eval_every,
    }
    return config.model_copy(
        update={
            "train": train.model_copy(update=filled),
            "method": {"name": config.method_name, **method.model_dump()},
        }
    )


def _batch_size(config: RunConfig, samples: list[int], *, balanced: bool) -> int:
    largest = PAPER_BATCH.get(config.model.name, min(PAPER_BATCH.values()))
    if balanced:
        largest = min(largest, config.train.identities_per_batch * max(PAIR, int(median(samples))))
    return max(2, min(largest, sum(samples)))


def asked(config: RunConfig) -> Values:
    """Everything that was asked of a run, as values for JSON; None where it was left to be filled in."""
    method = {"name": config.method_name, **config.method_config().model_dump(mode="json")}
    return {**config.model_dump(mode="json"), "method": method}


def to_values(config: Config) -> Values:
    """A configuration as plain values, ready for TOML."""
    return config.model_dump(mode="json", exclude_none=True)
