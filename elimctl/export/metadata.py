"""Facts that an exported model stores about itself."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

LOGITS = "logits"  # `label_range` of a classifier


def describe(
    *, run: str, dataset: str, crop: Mapping[str, Any], classes: Sequence[str] = ()
) -> dict[str, str]:
    """Return the facts that an exported model stores, as texts.

    `crop` says how faces must be cropped, with sizes in px, and becomes JSON. `classes` are those of
    the logits; without them, the outputs are valence and arousal. `label_order` is comma-separated.
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
