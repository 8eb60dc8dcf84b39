"""A run's folder: what it holds, how it is made, and how its model is loaded again."""

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from elimctl import atomic, plugins
from elimctl.backbones import counts, initialise
from elimctl.config import Values, read_toml, validate, write_toml
from elimctl.errors import ConfigError, StoreError
from elimctl.train import checkpoint
from elimctl.train.config import RunConfig, to_values
from elimctl.train.hardware import environment

PACKAGES = ("elimctl", "torch", "torchvision", "timm", "numpy", "zarr", "onnxruntime")
FOLD = re.compile(r"-fold\d+$")


@dataclass(frozen=True, slots=True)
class Run:
    """One run on disk.

    Args:
        folder: the run's folder, `runs/<name>`.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name

    @property
    def last(self) -> Path:
        """Checkpoint to continue from."""
        return self.folder / "checkpoints" / "last.safetensors"

    @property
    def best(self) -> Path:
        """Checkpoint of the best validation CCC."""
        return self.folder / "checkpoints" / "best.safetensors"

    @property
    def kept(self) -> Path:
        """Checkpoint that the run is known by: its best, else its last, which need not be there either."""
        return self.best if self.best.exists() else self.last

    @property
    def log(self) -> Path:
        """Losses and scores, one row per step that was reported."""
        return self.folder / "metrics.csv"

    def predictions(self, split: str) -> Path:
        """File of the predictions of a split of the run's own dataset, with the fold that it held out."""
        return self.folder / "eval" / f"{split}.parquet"

    def stem(self, protocol: Mapping[str, Any]) -> str:
        """Name of the files of an evaluation: the split, and what differs from what the run was trained on.

        Args:
            protocol: `split`, `dataset`, its `manifest`, and the `fold` that is `val`, None where none
                counts.

        Returns:
            `<split>[-<dataset>][-fold<n>]`; no two protocols of a run have the same. The run's own dataset,
            prepared anew, is another one.
        """
        data, own = self.config().data, self.owns(protocol)
        dataset, fold = protocol["dataset"], protocol["fold"]
        parts = [protocol["split"]] if own else [protocol["split"], dataset]
        ambiguous = not own and FOLD.search(f"-{dataset}")  # its end would be taken for a fold
        if fold not in (None, data.fold) or ambiguous:
            parts.append(f"fold{data.fold if fold is None else fold}")
        return "-".join(parts)

    def owns(self, protocol: Mapping[str, Any]) -> bool:
        """Whether an evaluation is on the dataset that the run was trained on, as it was then."""
        own = self.config().data.name, self.facts().get("manifest")
        return (protocol["dataset"], protocol["manifest"]) == own

    def config(self) -> RunConfig:
        """The resolved recipe of the run."""
        return validate(RunConfig, read_toml(self.folder / "recipe.toml"), where="recipe")

    def require_manifest(self, digest: str) -> None:
        """Refuse a dataset that is not the one the run was trained on.

        Raises:
            ConfigError: the manifest's hash differs: what is `val` now may have been trained on.
        """
        if digest != self.facts().get("manifest"):
            raise ConfigError(
                f"the dataset of run {self.name} was prepared anew since the run began",
                hint="train a new run; to score this one on the data as they are now: "
                f"elimctl eval --run {self.name} --data {self.config().data.name}",
            )

    def facts(self) -> Values:
        """What run.json says.

        Raises:
            StoreError: it is no object of JSON.
        """
        file = self.folder / "run.json"
        hint = "train the run again"
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(f"{file} is damaged: {error}", hint=hint) from None
        if not isinstance(found, dict):
            raise StoreError(f"{file} is damaged: {type(found).__name__} found, an object wanted", hint=hint)
        return found


def create(folder: Path, config: RunConfig, *, facts: Values) -> Run:
    """Make the folder of a new run.

    Args:
        folder: the run's folder.
        config: the resolved settings.
        facts: what run.json records beside time, versions, environment and git commit.

    Raises:
        ConfigError: there is a run of that name already.
    """
    if (folder / "run.json").exists():
        raise ConfigError(
            f"there is a run {folder.name!r} already",
            hint="choose another name with --run, or continue it with --resume",
        )
    write_toml(folder / "recipe.toml", to_values(config))
    record = {
        "name": folder.name,
        "created": datetime.now(UTC).isoformat(timespec="microseconds"),
        "seed": config.train.seed,
        **facts,
        "versions": {package: version(package) for package in PACKAGES},
        "environment": environment(config.train),
        "git": _commit(),
    }
    atomic.write_text(folder / "run.json", json.dumps(record, indent=2) + "\n")
    return Run(folder)


def new_name(runs: Path, config: RunConfig) -> str:
    """A name that no run has yet: method, backbone and the next free number."""
    stem = f"{config.method_name}-{config.model.name.replace('/', '-')}"
    number = 1
    while (runs / f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"


def build_model(config: RunConfig) -> nn.Module:
    """The method's module on its backbone; its fresh weights are a function of the run's seed."""
    torch.manual_seed(config.train.seed)
    backbone = plugins.find("backbones", config.model.name).build(config.model)
    model = plugins.find("methods", config.method_name).build(config.method_config(), backbone)
    if config.model.init == "normal":
        initialise.normal(model)
    return model


def load_model(run: Run) -> tuple[nn.Module, checkpoint.Progress]:
    """The model of a run, ready for evaluation: its best checkpoint, else its last.

    Raises:
        MissingError: the run has no checkpoint yet.
    """
    config = run.config()
    offline = config.model.model_copy(update={"pretrained": False})  # the checkpoint has all weights
    model = build_model(config.model_copy(update={"model": offline}))
    progress = checkpoint.load(run.kept, model)
    return model.eval(), progress


def parameter_facts(model: nn.Module) -> Values:
    """Parameter counts of a model's parts, for run.json."""
    parts = {"trunk": "backbone.trunk", "neck": "backbone.neck", "projector": "projector", "total": ""}
    return {"parameters": {name: counts.count(model.get_submodule(where)) for name, where in parts.items()}}


def _commit() -> str | None:
    """Commit of the checkout that this code runs from, None when it is installed."""
    try:
        found = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
