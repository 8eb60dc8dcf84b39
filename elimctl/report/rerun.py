"""How a run is made again: one recipe, and the commands."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import tomli_w

from elimctl.config import Values, merge, read_toml, validate
from elimctl.errors import ElimctlError
from elimctl.prepare.build import read_record
from elimctl.report.subject import Subject
from elimctl.train.config import RunConfig, to_values

AGAIN = "-again"  # after the name of what is made again


@dataclass(frozen=True, slots=True)
class Rerun:
    """How one run is made again.

    Args:
        run: the run's name.
        recipe: TOML: how its data are prepared, and all settings of the run.
        file: what the recipe is called in the commands.
        commands: lines of shell.
        remarks: what the commands cannot say.
    """

    run: str
    recipe: str
    file: str
    commands: Sequence[str]
    remarks: Sequence[str]


def rerun(subject: Subject) -> Rerun:
    """The recipe and the commands of a run; DIR stands for the folder of its raw data."""
    folder, facts = subject.material.run.folder, subject.material.run.facts()
    resolved = read_toml(folder / "recipe.toml")
    trained_on = str(facts.get("dataset") or resolved["data"]["name"])
    record, remarks = _record(subject, trained_on)
    file = f"{subject.name}{AGAIN}.toml"
    commands = []
    if commit := facts.get("git"):
        commands.append(f"git checkout {str(commit).removesuffix('-dirty')}")
        if str(commit).endswith("-dirty"):
            remarks.append("the checkout had uncommitted changes")
    else:
        version = (facts.get("versions") or {}).get("elimctl")
        remarks.append(
            f"trained with elimctl {version}, outside a git checkout: install that version"
            if version
            else "the version of elimctl that trained the run is unknown"
        )
    if dataset := record.get("dataset"):
        words = ["elimctl", "prepare", str(dataset), "DIR", "--name", trained_on, "--recipe", file]
        own = str((record.get("settings") or {}).get("splits", "official"))
        if own not in ("official", "folds"):
            # One file by its digest, or `train=...,val=...`, a file for each split.
            files = {f"{split}.csv" if split else "FILE": digest for split, digest in _digests(own)}
            words += ["--split", ",".join(files)]
            remarks += [
                f"{name} is the list of splits with SHA-256 {digest}" for name, digest in files.items()
            ]
        commands.append(shlex.join(words))
    again = subject.name + AGAIN
    if subject.pooled is not None:
        folds = ",".join(str(fold["fold"]) for fold in subject.pooled.record["folds"])
        resolved = _asked(facts, resolved)
        commands += [
            shlex.join(["elimctl", "crossval", "--recipe", file, "--run", again, "--folds", folds]),
            shlex.join(["elimctl", "report", again]),
        ]
    else:
        commands += [
            shlex.join(["elimctl", "train", "--recipe", file, "--run", again]),
            shlex.join(["elimctl", "eval", "--run", again, "--split", subject.split]),
            shlex.join(["elimctl", "report", again, "--split", subject.split]),
        ]
    recipe = tomli_w.dumps(merge(_prepared(record), resolved))
    return Rerun(subject.name, recipe, file, commands, remarks)


def _digests(own: str) -> list[tuple[str, str]]:
    """Split and digest of each file of splits; of a single file no split."""
    return [(split, digest) for split, _, digest in (part.rpartition("=") for part in own.split(","))]


def _asked(facts: Values, resolved: Values) -> Values:
    """Settings of all folds: what was asked for, as what follows from it differs from fold to fold."""
    values = resolved
    if "asked" in facts:
        values = to_values(validate(RunConfig, facts["asked"], where="run.json"))
    return {**values, "data": {key: value for key, value in values["data"].items() if key != "fold"}}


def _record(subject: Subject, dataset: str) -> tuple[Values, list[str]]:
    """What prepare.json of a dataset says, and a remark where there is none."""
    try:
        return read_record(subject.material.workspace.dataset(dataset)), []
    except ElimctlError as error:
        return {}, [f"the preparation of the data is unknown: {subject.told(error)}"]


def _prepared(record: Values) -> Values:
    """The tables of a recipe that say how a dataset was prepared."""
    settings = dict(record.get("settings") or {})
    if settings.get("splits") not in (None, "official", "folds"):
        settings.pop("splits")  # the digest of a file that the commands name
    return {"dataset": record.get("options") or {}, "prepare": settings} if record else {}
