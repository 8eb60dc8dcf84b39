"""DMUE: mine what else a face might show from branches that never saw its label, and weigh samples by that.

Source: She et al., Dive into Ambiguity: Latent Distribution Mining and Pairwise Uncertainty Estimation for
Facial Expression Recognition, CVPR 2021.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal, NamedTuple, cast

import torch
from jaxtyping import Float, Int64, UInt8
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from elimctl.backbones.backbone import Backbone
from elimctl.backbones.split import another
from elimctl.errors import ConfigError, DataError
from elimctl.loader.batch import Batch
from elimctl.methods.classification import (
    ClassificationConfig,
    Classifier,
    feature_width,
    learning,
    require_classes,
)
from elimctl.methods.dmue_branches import Branch, Uncertainty
from elimctl.methods.dmue_losses import (
    SoftMean,
    averaged_distribution,
    latent_distribution,
    ramp_down,
    ramp_up,
    similarity_gap,
    soft_loss,
    uncertainty_input,
    weighted_cross_entropy,
)
from elimctl.methods.regression import Losses, Weight, with_total
from elimctl.text import counted
from elimctl.transport.precision import full_precision

SAMPLER = "class"  # batches balanced over classes, two samples of each at least; E.4
TASK = "classification"
NECK = "split"  # what each branch has a copy of
WHOLE_BATCHES = True  # a branch learns from what is left of a batch without its class; E.6
PAIR = 2  # samples that a BatchNorm wants

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class Config(ClassificationConfig):
    """Settings of DMUE; E is a section of docs/methods.md, DS the paper's supplement, RM its public code."""

    classes: Annotated[int, Field(ge=3)] | None = None  # C; None: as many as the dataset has
    epoch_steps: Count | None = None  # steps in an epoch, for the ramps; None: as the batches have
    beta: Count = 6  # epoch from which the target branch counts in full: 6 AffectNet, 9 RAF-DB; RM; E.3
    ramp_scale: Weight = 5.0  # factor in the ramp up's exponent: 5 RM, 1 by hearsay the paper; E.3
    omega: Weight = 0.5  # weight of the soft loss; E.3
    gamma: Weight = 1000.0  # weight of the similarity preserving loss; E.3
    temperature: Positive = 1.2  # T > 1 flattens the latent distribution; E.2
    latent: Literal["ld-n", "ld-a"] = "ld-n"  # ld-a: branches know all classes and are averaged; DS 3
    soft_mean: SoftMean = "entries"  # over N C entries (RM), or over N samples; E.3
    sp_form: Literal["submatrix", "masked"] = "submatrix"  # RM and DS Eq. 1, or DS Eq. 2 to 5; E.3
    sp_aux: Literal["features", "logits"] = "features"  # logits: RM's auxiliary side; E.3
    exclude_self: bool = False  # from the mean similarity to the sample's own class; E.3
    train_uncertainty: bool = True  # False: its module and bn_neck's scale never change, as in RM; E.4


class Auxiliary(NamedTuple):
    """Losses of the auxiliary branches.

    Args:
        errors: mean of their cross-entropies.
        gap: how far the target branch's similarities are from theirs.
    """

    errors: Float[Tensor, ""]
    gap: Float[Tensor, ""]


class Dmue(Classifier):
    """Images to logits of C classes, by a target branch that learns from C auxiliary ones.

    Predictions and features are those of the target branch alone.

    Args:
        config: the method's settings, with nothing left to be resolved.
        backbone: what the branches share as its trunk; the target branch's own part as its neck.
        classes: C.
        epoch_steps: steps in an epoch.
    """

    def __init__(self, config: Config, backbone: Backbone, *, classes: int, epoch_steps: int) -> None:
        super().__init__(config, backbone, classes=classes)
        self.config, self.classes, self.epoch_steps = config, classes, epoch_steps
        known, width = classes - 1 if config.latent == "ld-n" else classes, feature_width(backbone.neck)
        self.branches = nn.ModuleList(
            Branch(another(backbone.neck), width, known, bn=config.bn_neck) for _ in range(classes)
        )
        self.uncertainty = Uncertainty(classes)
        if not config.train_uncertainty:
            self.uncertainty.requires_grad_(False)
            if self.projector.norm is not None:
                self.projector.norm.requires_grad_(False)

    @property
    def auxiliary(self) -> list[Branch]:
        """The auxiliary branches, in the order of the classes."""
        return [cast(Branch, branch) for branch in self.branches]

    def losses(self, batch: Batch, *, update: int = 0) -> Losses:
        """w_u (L_wce + omega L_soft + gamma L_sp) + w_d L_aux.

        Returns:
            `total`, `wce`, `soft`, `sp` and `aux`.

        Raises:
            DataError: it has no classes, or fewer than two samples outside one of them.

        Source: She et al. 2021, public code; E.3.
        """
        config, classes = self.config, self._require(batch)
        maps = self.passes(self._shared, batch.images, shares=batch.shares)
        features: Tensor = self.backbone.neck(maps)
        logits = self.project(self.dropout(features))
        auxiliary = self._auxiliary(maps, features, classes)
        parts = {
            "wce": weighted_cross_entropy(logits, self.confidence(features, classes), classes),
            "soft": soft_loss(logits, self._latent(maps, classes), classes, mean=config.soft_mean),
            "sp": auxiliary.gap,
            "aux": auxiliary.errors,
        }
        return with_total(parts, self.weights(batch.step))

    def weights(self, step: int) -> dict[str, float]:
        """Weights of all parts in a step, by the ramps over its epoch."""
        config, epoch = self.config, step // self.epoch_steps
        up = ramp_up(epoch, beta=config.beta, scale=config.ramp_scale)
        down = ramp_down(epoch, beta=config.beta)
        return {"wce": up, "soft": up * config.omega, "sp": up * config.gamma, "aux": down}

    @full_precision
    def confidence(self, features: Float[Tensor, "B d"], classes: Int64[Tensor, " B"]) -> Float[Tensor, " B"]:
        """How certain the annotations of a batch are, alpha in (0, 1).

        Args:
            features: of the target branch; each sample is compared with all of the batch.
            classes: annotated classes.

        Source: She et al. 2021, supplement section 4 and public code; E.3.
        """
        similar = uncertainty_input(
            features, classes, count=self.classes, exclude_self=self.config.exclude_self
        )
        alpha: Tensor = self.uncertainty(similar)
        return alpha

    @torch.no_grad()
    def latent(
        self,
        images: UInt8[Tensor, "B 3 H W"] | Float[Tensor, "B 3 H W"],
        classes: Int64[Tensor, " B"],
    ) -> Float[Tensor, "B C"]:
        """What the auxiliary branches see in samples beside their annotated class, in evaluation mode.

        Args:
            images: RGB 0..255.
            classes: annotated classes.

        Returns:
            Distributions over the classes, 0 at the annotated one.
        """
        with _evaluating(self.backbone):
            return self._latent(self._shared(images), classes)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Parameters that learn: `backbone` (trunk and all copies of the neck), `projector` (all else)."""
        backbone = [self.backbone, *(branch.neck for branch in self.auxiliary)]
        projector = [self.projector, *(branch.classifier for branch in self.auxiliary), self.uncertainty]
        return {"backbone": learning(backbone), "projector": learning(projector)}

    def _shared(self, images: Tensor) -> Tensor:
        """What the trunk gives of images 0..255."""
        maps: Tensor = self.backbone.trunk(self.normalise(images))
        return maps

    def _auxiliary(self, maps: Tensor, features: Tensor, classes: Int64[Tensor, " B"]) -> Auxiliary:
        """Train the auxiliary branches on what they know, and compare the target branch with each.

        Source: She et al. 2021, supplement Eq. 1 to 5 and public code; decision E.6.
        """
        errors, gaps = [], []
        for number, branch in enumerate(self.auxiliary):
            known, labels = self._known(classes, number)
            everyone = torch.arange(len(classes), device=classes.device)
            through = known if self.config.sp_form == "submatrix" else everyone
            own = branch.neck(maps[through])
            logits = branch.logits(self.dropout(own), self.projector)
            compared = own if self.config.sp_aux == "features" else logits
            counted = None if self.config.sp_form == "submatrix" else known
            gaps.append(similarity_gap(features[through], compared, counted))
            errors.append(functional.cross_entropy(logits if counted is None else logits[counted], labels))
        return Auxiliary(torch.stack(errors).mean(), torch.stack(gaps).mean())

    def _known(
        self, classes: Int64[Tensor, " B"], number: int
    ) -> tuple[Int64[Tensor, " n"], Int64[Tensor, " n"]]:
        """Samples that a branch is trained on, and their labels in its own numbering."""
        if self.config.latent == "ld-a":
            return torch.arange(len(classes), device=classes.device), classes
        known = (classes != number).nonzero().squeeze(1)
        labels = classes[known]
        return known, labels - (labels > number).long()

    @torch.no_grad()
    def _latent(self, maps: Tensor, classes: Int64[Tensor, " B"]) -> Float[Tensor, "B C"]:
        """Latent distributions, with the branches in evaluation mode.

        With the statistics of the samples of one class alone, a BatchNorm would take out what these have in
        common, and with it what their class looks like.

        Source: She et al. 2021, public code; E.2.
        """
        temperature = self.config.temperature
        with _evaluating(self.branches):
            if self.config.latent == "ld-a":
                each = [self._branch_logits(number, maps) for number in range(self.classes)]
                return averaged_distribution(torch.stack(each), classes, temperature=temperature)
            found = torch.zeros(len(classes), self.classes, device=classes.device)
            for number in range(self.classes):
                own = (classes == number).nonzero().squeeze(1)
                if len(own):
                    logits = self._branch_logits(number, maps[own])
                    found[own] = latent_distribution(logits, number=number, temperature=temperature)
            return found

    def _branch_logits(self, number: int, maps: Tensor) -> Tensor:
        """What an auxiliary branch says of the trunk's maps."""
        branch = self.auxiliary[number]
        return branch.logits(branch.neck(maps), self.projector)

    def _require(self, batch: Batch) -> Int64[Tensor, " B"]:
        """Class codes of a batch that can be learnt from."""
        classes = require_classes(batch, "dmue")
        outside = len(classes) - torch.bincount(classes, minlength=self.classes)
        if self.config.latent == "ld-n" and int(outside.min()) < PAIR:
            few = counted(int(outside.min()), "sample")
            raise DataError(
                f"the batch of step {batch.step + 1} has {few} outside class "
                f"{int(outside.argmin())}, at least {PAIR} wanted",
                hint="train with --set train.sampler=class, or with larger batches",
            )
        return classes


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode for a while."""
    before = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(before)


def build(config: Config, backbone: Backbone) -> Dmue:
    """Build DMUE on a backbone, with a copy of its neck for every class.

    Raises:
        ConfigError: the number of classes or of steps in an epoch is not known, or the neck's width.
    """
    classes, epoch_steps = config.classes, config.epoch_steps
    if classes is None or epoch_steps is None:
        raise ConfigError(
            f"method.classes = {classes} and method.epoch_steps = {epoch_steps}, numbers wanted",
            hint="train on a dataset with classes of expression, or set both",
        )
    return Dmue(config, backbone, classes=classes, epoch_steps=epoch_steps)
