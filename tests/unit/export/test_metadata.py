"""What an exported model says about itself."""

import json
from importlib.metadata import version

from elimctl.export.metadata import describe


def test_facts_are_texts_and_the_crop_can_be_read_back():
    crop = {"size_px": 256, "image_px": 224, "align": "points", "margin": 0.1}
    facts = describe(run="afew-va-r18", dataset="afew-va", crop=crop)
    assert all(isinstance(value, str) for value in facts.values())
    assert json.loads(facts["crop"]) == crop
    assert facts["label_order"] == "valence,arousal"
    assert [float(end) for end in facts["label_range"].split(",")] == [-1, 1]
    assert facts["torch"] == version("torch")
