"""What an exported model says about itself."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

LOGITS = "logits"  # range of labels that are classes


def describe(
    *, run: str, dataset: str, crop: Mapping[str, Any], classes: Sequence[str] = ()
) -> dict[str, str]:
    """Facts that a user of an exported model needs, as the texts that are stored in it.

    Args:
        run: name of the run.
        dataset: name of the dataset it was trained on.
        crop: how a face must be cut for the model: settings of the alignment, sizes in px.
        classes: what the outputs are logits of; none: they are valence and arousal.

    Returns:
        `crop` is JSON; `label_order` and `label_range` are comma-separated.
    """
    return {
        "run": run,
        "dataset": dataset,
        "crop": json.dumps(dict(crop), sort_keys=True),
        "label_order": ",".join(classes) or "valence,arousal",
        "label_range": LOGITS if classes else "-1,1",
        "elimctl": version("elimctl"),
        "torch": version("torch"),
    }
