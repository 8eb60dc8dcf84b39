"""The folder of a run: its files, how it is created, and how its model is loaded."""

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
    """A run on disk, in `folder` (`runs/<name>`)."""

    folder: Path

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.folder.name

    @property
    def last(self) -> Path:
        """Checkpoint to resume from."""
        return self.folder / "checkpoints" / "last.safetensors"

    @property
    def best(self) -> Path:
        """Checkpoint of the best validation CCC."""
        return self.folder / "checkpoints" / "best.safetensors"

    @property
    def kept(self) -> Path:
        """The best checkpoint, else the last one, which may be missing."""
        return self.best if self.best.exists() else self.last

    @property
    def log(self) -> Path:
        """Losses and scores, one row per step."""
        return self.folder / "metrics.csv"

    def predictions(self, split: str) -> Path:
        """File of predictions of a split of the training dataset, with the held-out fold of the run."""
        return self.folder / "eval" / f"{split}.parquet"

    def stem(self, protocol: Mapping[str, Any]) -> str:
        """Unique name of the files of an evaluation: `<split>[-<dataset>][-fold<n>]`.

        Dataset and fold are in the name if they differ from those of training.

        Args:
            protocol: `split`, `dataset`, its `manifest`, `fold` (None if the split does not depend on it).
        """
        data, trained_on = self.config().data, self.owns(protocol)
        dataset, fold = protocol["dataset"], protocol["fold"]
        parts = [protocol["split"]] if trained_on else [protocol["split"], dataset]
        ambiguous = not trained_on and FOLD.search(f"-{dataset}")  # its end looks like a fold
        if fold not in (None, data.fold) or ambiguous:
            parts.append(f"fold{data.fold if fold is None else fold}")
        return "-".join(parts)

    def owns(self, protocol: Mapping[str, Any]) -> bool:
        """Whether an evaluation is on the training dataset, unchanged."""
        trained_on = self.config().data.name, self.facts().get("manifest")
        return (protocol["dataset"], protocol["manifest"]) == trained_on

    def config(self) -> RunConfig:
        """The resolved configuration of the run."""
        return validate(RunConfig, read_toml(self.folder / "recipe.toml"), where="recipe")

    def require_manifest(self, digest: str) -> None:
        """Refuse a dataset whose manifest differs from that of training: `val` may hold training samples."""
        if digest != self.facts().get("manifest"):
            raise ConfigError(
                f"the dataset of run {self.name} has changed since the run began",
                hint="train a new run, or score this run on the changed dataset: "
                f"elimctl eval --run {self.name} --data {self.config().data.name}",
            )

    def facts(self) -> Values:
        """Content of run.json; raises StoreError if the file is damaged."""
        file = self.folder / "run.json"
        hint = "train the run again"
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise StoreError(f"{file} is damaged: {error}", hint=hint) from None
        if not isinstance(facts, dict):
            raise StoreError(f"{file} is damaged: found {type(facts).__name__}, expected object", hint=hint)
        return facts


def create(folder: Path, config: RunConfig, *, facts: Values) -> Run:
    """Create the folder of a new run; `facts` are further entries of run.json.

    Raises:
        ConfigError: the name is taken.
    """
    if (folder / "run.json").exists():
        raise ConfigError(
            f"run {folder.name!r} exists already",
            hint=f"choose another name, or continue it with elimctl train --resume --run {folder.name}",
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
    """A free name: `<method>-<backbone>-<number>`."""
    stem = f"{config.method_name}-{config.model.name.replace('/', '-')}"
    number = 1
    while (runs / f"{stem}-{number}").exists():
        number += 1
    return f"{stem}-{number}"


def build_model(config: RunConfig) -> nn.Module:
    """The method's module on its backbone; the run's seed determines the new weights."""
    torch.manual_seed(config.train.seed)
    backbone = plugins.find("backbones", config.model.name).build(config.model)
    model = plugins.find("methods", config.method_name).build(config.method_config(), backbone)
    if config.model.init == "normal":
        initialise.normal(model)
    return model


def load_model(run: Run) -> tuple[nn.Module, checkpoint.Progress]:
    """The model of a run in evaluation mode, from its best (else last) checkpoint.

    Raises:
        MissingError: the run has no checkpoint.
    """
    config = run.config()
    offline = config.model.model_copy(
        update={"pretrained": False}
    )  # no download: the checkpoint has all weights
    model = build_model(config.model_copy(update={"model": offline}))
    progress = checkpoint.load(run.kept, model)
    return model.eval(), progress


def parameter_facts(model: nn.Module) -> Values:
    """Parameter counts of the parts of a model, for run.json."""
    parts = {"trunk": "backbone.trunk", "neck": "backbone.neck", "projector": "projector", "total": ""}
    return {"parameters": {name: counts.count(model.get_submodule(where)) for name, where in parts.items()}}


def _commit() -> str | None:
    """Git commit of this code; None if it is installed."""
    try:
        described = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return described.stdout.strip()
