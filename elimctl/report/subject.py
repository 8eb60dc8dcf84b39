"""What the page says of one run, gathered from its folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from elimctl.commands.compare import predicted
from elimctl.commands.execution import Execution
from elimctl.config import Values
from elimctl.errors import ElimctlError
from elimctl.figures.material import Material
from elimctl.figures.plane import REACH
from elimctl.figures.pooled import Pooled, open_material
from elimctl.metrics.classes import confusion_of
from elimctl.metrics.detail import AnyDetail, ClassDetail, Detail, Resampling, detail, few
from elimctl.metrics.predictions import PredictionTable
from elimctl.metrics.rates import RATES, marginals, rates
from elimctl.metrics.score import MetricOptions
from elimctl.metrics.sums import scores_together
from elimctl.metrics.table import AXES, METRICS
from elimctl.prepare.build import read_record
from elimctl.workspace import Workspace

SEEN = ("train", "all")  # splits with samples that a run was trained on
# The forms of the scores that the page shows, whatever the run's own `eval` table says, so that all runs can
# be compared; the page states them.
FORMS = MetricOptions()


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One run, or one cross-validation, and its scores.

    Args:
        material: its files.
        table: every prediction of the split.
        detail: intervals and means over groups.
        scores: by axis and metric, None where one is not defined; of classes by rate, under "".
        remarks: what to know before any number is read.
    """

    material: Material
    table: PredictionTable
    detail: AnyDetail
    scores: dict[str, dict[str, float | None]]
    remarks: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the run, or of the cross-validation."""
        return self.material.name

    @property
    def pooled(self) -> Pooled | None:
        """The runs of a cross-validation, None for a single run."""
        return self.material if isinstance(self.material, Pooled) else None

    @property
    def method(self) -> str:
        """The method's name."""
        return self.material.config.method_name

    @property
    def backbone(self) -> str:
        """The backbone's name."""
        return self.material.config.model.name

    @property
    def dataset(self) -> str:
        """Name of the dataset that was scored."""
        return str(self.table.protocol.get("dataset"))

    @property
    def split(self) -> str:
        """Name of the split that was scored."""
        return str(self.table.protocol.get("split"))

    @property
    def learns_classes(self) -> bool:
        """Whether classes are predicted, not valence and arousal."""
        return bool(self.table.classes)

    @property
    def samples(self) -> tuple[object, ...]:
        """What must be equal for two runs to be compared sample by sample."""
        noted = (self.table.protocol.get(key) for key in ("dataset", "manifest", "split", "fold"))
        return (*noted, self.table.classes, len(self.table), self.table.identities.names)

    def prepared(self) -> Values:
        """What prepare.json of the dataset that was scored says; nothing where there is none."""
        try:
            return read_record(self.material.workspace.dataset(self.dataset))
        except ElimctlError:
            return {}

    def told(self, error: ElimctlError) -> str:
        """What an error says, with paths from the workspace on: pages are passed on."""
        root = self.material.workspace.root
        return error.message.replace(f"{root}/", "") if root.is_absolute() else error.message

    def axis_detail(self) -> Detail:
        """The details of scores of valence and arousal."""
        assert isinstance(self.detail, Detail)
        return self.detail

    def class_detail(self) -> ClassDetail:
        """The details of scores of classes."""
        assert isinstance(self.detail, ClassDetail)
        return self.detail


def gather(
    workspace: Workspace,
    name: str | None,
    *,
    split: str,
    resampling: Resampling,
    faces: bool = False,
    execution: Execution = Execution(),
) -> Subject:
    """Collect everything about one run; predict its split if there are no current predictions.

    Args:
        workspace: where the run and its dataset are.
        name: the run, or a cross-validation; None for the newest run.
        split: of its dataset; of a cross-validation `val`.
        resampling: how intervals are computed.
        faces: whether faces may be shown.
        execution: device and progress.

    Raises:
        MissingError: there is no such run, or it has neither a checkpoint nor predictions of the split.
        ConfigError: another split of a cross-validation.
        StoreError: saved predictions are damaged.
        DataError: there is no such split, or predictions or labels are not finite.
    """
    material = open_material(workspace, name, split, faces=faces, execution=execution)
    remarks: list[str] = []
    if isinstance(material, Pooled):
        table = material.table
        remarks += _of_folds(material)
    elif material.run.kept.exists() or not material.predictions.exists():
        table = predicted(workspace, material.name, split=split, execution=execution)
    else:
        table = material.table
        remarks.append(
            f"{material.name} has no checkpoint any more; the scores are from predictions saved at step "
            f"{table.protocol.get('step')}"
        )
    found = detail(table, FORMS, resampling, reference=not table.classes)
    remarks += [*_trained_on(material, table), *_remarks(material.name, table, found)]
    return Subject(material, table, found, _scores(table, found), tuple(remarks))


def _of_folds(material: Pooled) -> Iterator[str]:
    """Limits of the scores of a cross-validation."""
    held_out, there_are = len(material.runs), material.record.get("of")
    if isinstance(there_are, int) and there_are > held_out:
        yield f"{material.name}: {held_out} of {there_are} folds were held out"
    yield (
        f"{material.name}: the checkpoint of each run was chosen on its scored fold, so the scores are "
        "optimistic"
    )


def dataset_problem(subject: Subject) -> str | None:
    """Why the dataset of a run cannot be described as the run used it, None where it can."""
    try:
        _ = subject.material.dataset
    except ElimctlError as error:
        return subject.told(error)
    return None


def _scores(table: PredictionTable, found: AnyDetail) -> dict[str, dict[str, float | None]]:
    if isinstance(found, ClassDetail):
        counted = confusion_of(table.target, table.preds, classes=len(table.classes))
        return {"": dict(zip(RATES, rates(marginals(counted.astype(np.float64))).tolist(), strict=True))}
    values = scores_together(table.preds, table.target)
    return {
        axis: {
            metric: None if f"{axis}.{metric}" in found.undefined else float(values[line, column])
            for line, metric in enumerate(METRICS)
        }
        for column, axis in enumerate(AXES)
    }


def _trained_on(material: Material, table: PredictionTable) -> Sequence[str]:
    """A remark if training samples are scored."""
    split = table.protocol.get("split")
    of_its_data = table.protocol.get("dataset") == material.config.data.name
    if isinstance(material, Pooled) or not of_its_data or split not in SEEN:
        return []
    which = "samples of all splits, training included" if split == "all" else "its training samples"
    return [f"{material.name} is scored on {which} (split {split}): the scores say little about new people"]


def _remarks(name: str, table: PredictionTable, found: AnyDetail) -> Sequence[str]:
    """Remarks on unusual predictions and labels."""
    said = []
    if found.no_interval:
        said.append(f"{name}: {found.no_interval}")
    elif doubt := few(found):
        said.append(f"{name}: {doubt}")
    if isinstance(found, Detail):
        outside = int((np.abs(table.preds) > REACH).any(axis=1).sum())
        if outside:
            said.append(
                f"{name}: {outside:,} of {len(table):,} predictions lie beyond \N{PLUS-MINUS SIGN}{REACH}, "
                "far from any label"
            )
        for values, what in ((table.preds, "predictions"), (table.target, "labels")):
            constant = [
                axis for axis, spread in zip(AXES, np.ptp(values, axis=0), strict=False) if not spread
            ]
            if constant:
                said.append(
                    f"{name}: {what} of {' and '.join(constant)} are all the same; PCC is not defined there, "
                    "and CCC is 0, or not defined where both are"
                )
    elif len(np.unique(table.preds)) == 1:
        said.append(f"{name} predicts {table.classes[table.preds[0]]} for every sample")
    return said
