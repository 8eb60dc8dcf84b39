import pytest
import torch
from torch import nn

from elimctl.train.config import TrainConfig
from elimctl.train.optimiser import build, milestones_passed, set_rates


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.projector = nn.Linear(3, 4), nn.Linear(4, 2)

    def parameter_groups(self):
        return {
            "backbone": list(self.backbone.parameters()),
            "projector": list(self.projector.parameters()),
        }


@pytest.mark.parametrize(
    ("step", "passed"), [(0, 0), (4_999, 0), (5_000, 1), (24_999, 1), (25_000, 2), (45_000, 3), (65_000, 4)]
)
def test_the_papers_milestones_come_at_5000_and_every_20000_after(step, passed):
    assert milestones_passed(step) == passed


def test_milestones_of_a_recipe_replace_the_papers():
    assert [milestones_passed(step, (2, 4)) for step in range(6)] == [0, 0, 1, 1, 2, 2]
    assert milestones_passed(10**6, ()) == 0


def test_backbone_and_projector_learn_at_their_own_rates():
    optimizer = build(Net(), TrainConfig())
    assert {group["name"]: group["lr"] for group in optimizer.param_groups} == {
        "backbone": 5e-5,
        "projector": 1e-5,
    }
    set_rates(optimizer, TrainConfig(), step=25_000)
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    assert rates == pytest.approx({"backbone": 5e-5 * 0.64, "projector": 1e-5 * 0.64}, rel=1e-12)


def test_adam_is_the_papers():
    optimizer = build(Net(), TrainConfig())
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.defaults["betas"] == (0.5, 0.9)
    assert optimizer.defaults["weight_decay"] == 0
