"""What the network of a method is shown."""

from dataclasses import replace

import pytest
import torch

from elimctl import plugins


@pytest.mark.parametrize("name", ["erm", "elim", "caf", "cross-entropy", "dmue"])
def test_the_backbone_sees_imagenets_colours_in_training_and_in_use(backbone, batch, name):
    """As its pretrained weights want them; an export has the same network inside."""
    plugin = plugins.find("methods", name)
    known = {"classes": 3, "epoch_steps": 1}
    given = {key: value for key, value in known.items() if key in plugin.Config.model_fields}
    model, seen = plugin.build(plugin.Config(**given), backbone()), []
    model.backbone.trunk.register_forward_pre_hook(lambda _, images: seen.append(images[0]))
    drawn = batch()
    # by (pixel / 255 - mean) / deviation, of red, green and blue
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    wanted = (drawn.images.float() / 255 - mean) / deviation
    model.losses(replace(drawn, classes=torch.arange(len(drawn.target)) % 3))
    model.eval().predict(drawn.images)
    model.encode(drawn.images)
    assert len(seen) == 3
    for images in seen:
        torch.testing.assert_close(images, wanted)
