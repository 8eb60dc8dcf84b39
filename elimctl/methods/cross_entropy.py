"""Cross-entropy: the network that DMUE leaves for inference, trained on its labels as they are.

Source: She et al. 2021, supplement Tables 1 and 2 (the rows without DMUE); decision E.5.
"""

from torch.nn import functional

from elimctl.backbones.backbone import Backbone
from elimctl.errors import ConfigError
from elimctl.loader.batch import Batch
from elimctl.methods.classification import ClassificationConfig, Classifier, require_classes
from elimctl.methods.regression import Losses, with_total

SAMPLER = "class"  # batches of dmue, so that runs of both differ in the method alone; E.5
TASK = "classification"
NECK = "split"  # that of dmue


class Config(ClassificationConfig):
    """Settings of the baseline."""


class CrossEntropy(Classifier):
    """A classifier that learns from the labels of whole batches alone."""

    def losses(self, batch: Batch, *, update: int = 0) -> Losses:
        """The mean cross-entropy, `ce`, is all there is.

        Raises:
            DataError: the batch has no classes.
        """
        classes = require_classes(batch, "cross-entropy")
        features = self.passes(self.encode, batch.images, shares=batch.shares)
        logits = self.project(self.dropout(features))
        return with_total({"ce": functional.cross_entropy(logits, classes)}, {"ce": 1.0})


def build(config: Config, backbone: Backbone) -> CrossEntropy:
    """Build the baseline on a backbone.

    Raises:
        ConfigError: the number of classes is not known, or the width of the neck.
    """
    if config.classes is None:
        raise ConfigError(
            "method.classes = None, a number wanted",
            hint="train on a dataset with classes of expression, or set it",
        )
    return CrossEntropy(config, backbone, classes=config.classes)
