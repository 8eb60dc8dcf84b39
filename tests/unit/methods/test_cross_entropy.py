from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from elimctl import plugins
from elimctl.backbones import counts
from elimctl.backbones.config import BackboneConfig
from elimctl.errors import ConfigError, DataError
from elimctl.methods import cross_entropy, dmue

CLASSES = 4
# all parameters at 8 and at 7 classes, those of DMUE for inference: section B of the specification
SECTION_B = {
    "r18": {8: 11_181_632, 7: 11_181_120},
    "r50ibn": {8: 23_528_512, 7: 23_526_464},
    "mobilenetv2": {8: 2_236_672, 7: 2_235_392},
    "shufflenetv1": {8: 3_548_976, 7: 3_547_056},
}


@pytest.fixture
def classified(batch):
    drawn = batch()
    return replace(drawn, classes=torch.arange(len(drawn.target)) % CLASSES)


def build(backbone, **settings):
    return cross_entropy.build(
        cross_entropy.Config(**{"classes": CLASSES, "dropout": 0.0} | settings), backbone()
    )


@pytest.mark.parametrize("name", SECTION_B)
@pytest.mark.parametrize("classes", [7, 8])
def test_it_has_as_many_parameters_as_dmue_for_inference(name, classes):
    with torch.device("meta"):
        network = plugins.find("backbones", name).build(BackboneConfig(name=name, neck="split"))
        model = cross_entropy.build(cross_entropy.Config(classes=classes), network)
    assert counts.count(model) == SECTION_B[name][classes]
    assert sum(parameter.numel() for parameter in model.inference_parameters()) == SECTION_B[name][classes]


def test_its_network_is_what_dmue_leaves(backbone, classified):
    model, rival = build(backbone), dmue.build(dmue.Config(classes=CLASSES, epoch_steps=1), backbone())
    learned = {
        name: value
        for name, value in rival.state_dict().items()
        if not name.startswith(("branches", "uncertainty"))
    }
    model.load_state_dict(learned)  # strict: no name is left over
    assert torch.equal(model.eval().predict(classified.images), rival.eval().predict(classified.images))


def test_its_loss_is_that_of_the_logits(backbone, classified):
    model = build(backbone).eval()
    losses = model.losses(classified)
    wanted = functional.cross_entropy(model.predict(classified.images), classified.classes)
    torch.testing.assert_close(losses["ce"], wanted)
    assert losses["total"] == losses["ce"]
    assert set(losses) == {"total", "ce"}


def test_dropout_is_of_training_alone(backbone, classified):
    model = build(backbone, dropout=0.5)
    first, second = model.losses(classified)["ce"], model.losses(classified)["ce"]
    assert first != second
    model.eval()
    assert model.losses(classified)["ce"] == model.losses(classified)["ce"]


def test_the_offset_of_the_normalisation_stays_zero(backbone, classified):
    model = build(backbone)
    model.losses(classified)["total"].backward()
    assert model.projector.norm.bias.grad is None
    assert not model.projector.norm.bias.any()
    assert build(backbone, bn_neck=False).projector.norm is None


def test_samples_without_classes_are_refused(backbone, classified):
    with pytest.raises(DataError, match="cross-entropy learns classes of expression"):
        build(backbone).losses(replace(classified, classes=None))


def test_the_number_of_classes_has_to_be_said(backbone):
    with pytest.raises(ConfigError, match=r"method\.classes = None"):
        build(backbone, classes=None)


@pytest.mark.parametrize("settings", [{"classes": 1}, {"dropout": 1.0}, {"beta": 6}])
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        cross_entropy.Config(**settings)
