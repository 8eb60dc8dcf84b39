import pytest
import torch
from torch import nn

from elimctl import recipe
from elimctl.train.config import TrainConfig
from elimctl.train.optimiser import build, milestones_passed, scheduled, set_rates


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
    set_rates(optimizer, TrainConfig(), step=25_000, epoch=3)
    rates = {group["name"]: group["lr"] for group in optimizer.param_groups}
    assert rates == pytest.approx({"backbone": 5e-5 * 0.64, "projector": 1e-5 * 0.64}, rel=1e-12)


def test_adam_is_the_papers():
    optimizer = build(Net(), TrainConfig())
    assert isinstance(optimizer, torch.optim.Adam)
    assert optimizer.defaults["betas"] == (0.5, 0.9)
    assert optimizer.defaults["weight_decay"] == 0


def test_rates_by_epoch_replace_milestones():
    given = [{"epoch": 2, "projector": 1e-3}, {"epoch": 3, "backbone": 1e-2}, {"epoch": 5, "projector": 0.5}]
    config = TrainConfig(lr_backbone=1.0, lr_projector=0.1, rates=given)
    found = [scheduled(config, step=10_000 * epoch, epoch=epoch) for epoch in range(7)]
    backbone, projector = [1.0] * 3 + [1e-2] * 4, [0.1] * 2 + [1e-3] * 3 + [0.5] * 2
    assert found == list(zip(backbone, projector, strict=True))


def test_other_groups_learn_at_the_backbones_rate():
    class Three(Net):
        def parameter_groups(self):
            return {**super().parameter_groups(), "critic": [nn.Parameter(torch.ones(2))]}

    config = TrainConfig(rates=[{"epoch": 1, "backbone": 0.5}])
    optimizer = build(Three(), config)
    assert set_rates(optimizer, config, step=9, epoch=1) == 0.5
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 1e-5, 0.5]


@pytest.mark.parametrize("fused", [False, True])
def test_weight_decay_is_added_to_the_gradient(fused):
    """As Adam has it, not AdamW."""
    decayed, plain = Net(), Net()
    plain.load_state_dict(decayed.state_dict())
    for model, decay in ((decayed, 0.1), (plain, 0.0)):
        optimizer = build(model, TrainConfig(lr_backbone=1e-2, weight_decay=decay, fused=fused))
        for step in range(3):
            for parameter in model.parameters():  # gradients that change: of one alone, Adam has the sign
                parameter.grad = torch.full_like(parameter, step - 1) + (0.1 - decay) * parameter.detach()
            optimizer.step()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(decayed.state_dict()[name], value)  # sums in another order


@pytest.mark.parametrize(
    ("epochs", "backbone", "projector"),
    [
        (range(4), 1e-4, 1e-3),
        (range(4, 6), 1e-4, 5e-4),
        (range(6, 8), 5e-5, 5e-4),
        (range(8, 12), 5e-5, 1e-4),
        (range(12, 14), 1e-5, 1e-4),
        (range(14, 22), 1e-5, 1e-5),
        (range(22, 25), 5e-5, 5e-5),
        (range(25, 36), 1e-5, 1e-5),
    ],
)
@pytest.mark.parametrize("name", ["dmue/affectnet", "dmue/table2-plain-r50ibn-raf-db"])
def test_rates_of_dmue_are_those_of_its_public_code(name, epochs, backbone, projector):
    config = recipe.run_config(recipe.read(name)).train
    assert config.weight_decay == 1e-4
    for epoch in epochs:
        assert scheduled(config, step=170 * epoch, epoch=epoch) == (backbone, projector)
