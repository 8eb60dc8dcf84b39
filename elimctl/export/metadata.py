"""What an exported model says about itself."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any


def describe(*, run: str, dataset: str, crop: Mapping[str, Any]) -> dict[str, str]:
    """Facts that a user of an exported model needs, as the texts that are stored in it.

    Args:
        run: name of the run.
        dataset: name of the dataset it was trained on.
        crop: how a face must be cut for the model: settings of the alignment, sizes in px.

    Returns:
        `crop` is JSON; `label_order` and `label_range` are comma-separated.
    """
    return {
        "run": run,
        "dataset": dataset,
        "crop": json.dumps(dict(crop), sort_keys=True),
        "label_order": "valence,arousal",
        "label_range": "-1,1",
        "elimctl": version("elimctl"),
        "torch": version("torch"),
    }
