"""Parameter counts against the table of the methods dossier (section B)."""

import pytest
import torch
from torch import nn

from elimctl.backbones import counts, pretrained
from elimctl.backbones.config import BackboneConfig
from elimctl.backbones.counts import Summary, summary

SECTION_B = [
    Summary("al", 2_469_696, 2_376_128, 88_322, 4_934_146, 2_558_018),
    Summary("al, neck gap", 2_469_696, 16_576, 88_322, 2_574_594, 2_558_018),
    Summary("mmx", 59_111_472, 49_152, 88_322, 59_248_946, 59_111_472),
    Summary("r18", 11_689_512, 660_928, 88_322, 12_438_762, 11_689_512),
]


def test_counts_are_those_of_the_table():
    own = [found for found in counts.summaries() if found.backbone.partition(",")[0] in {"al", "mmx", "r18"}]
    assert own == SECTION_B


def test_projector_without_batchnorm_is_the_smaller_one_of_the_table():
    assert summary(BackboneConfig(name="al"), projector_bn=False).projector == 85_762


def test_al_at_the_width_of_the_released_code_is_as_large_as_the_table_says():
    found = summary(BackboneConfig(name="al", d=512))
    assert (found.neck, found.projector, found.total) == (2_492_160, 5_294_082, 10_255_938)


def test_resnet18_without_its_output_layer_is_what_the_appendix_counts():
    with torch.device("meta"):
        trunk = pretrained.timm_model("resnet18", num_classes=0, pretrained=False)
    assert counts.count(trunk) == 11_176_512
    assert summary(BackboneConfig(name="timm/resnet18")).trunk == 11_176_512


def test_a_backbone_that_is_not_in_the_paper_has_no_count_of_the_paper():
    assert summary(BackboneConfig(name="timm/mobilenetv3_small_050")).paper is None


def test_counting_downloads_nothing(monkeypatch):
    monkeypatch.setattr(pretrained, "urlopen", lambda *args, **kwargs: pytest.fail("asked the network"))
    assert summary(BackboneConfig(name="r18", pretrained=True)).trunk == 11_689_512


def test_shared_parameters_count_once_and_buffers_not_at_all():
    layer = nn.Linear(3, 3, bias=False)
    assert counts.count(nn.Sequential(layer, layer, nn.BatchNorm1d(3))) == 9 + 6
