import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from elimctl.backbones.backbone import Backbone
from elimctl.methods import caf, erm
from elimctl.methods.caf import CRITIC, ENCODER, REGRESSION, Config

CASE = json.loads((Path(__file__).parents[2] / "vectors.json").read_text(encoding="utf-8"))["caf_critic"]
TAUGHT = {REGRESSION: {"backbone", "projector"}, CRITIC: {"critic"}, ENCODER: {"backbone"}}


def build(backbone, **settings):
    return caf.build(Config(**settings), backbone())


def same_intensity(batch):
    """Labels on a circle: none is stronger than another."""
    batch.target[:] = torch.tensor([0.5, 0.0])
    return batch


@pytest.mark.parametrize("head", ["projector", "caf"])
@pytest.mark.parametrize(("update", "taught"), TAUGHT.items())
def test_each_update_gives_a_gradient_to_its_own_weights_and_none_to_others(
    backbone, batch, head, update, taught
):
    model = build(backbone, head=head)
    assert not model.every_parameter
    model.losses(batch(), update=update)["total"].backward()
    for name, parameters in model.parameter_groups().items():
        gradients = [parameter.grad for parameter in parameters]
        if name in taught:
            assert all(gradient.isfinite().all() for gradient in gradients)
            assert sum(gradient.abs().sum() for gradient in gradients) > 0
        else:
            assert gradients == [None] * len(gradients)


def test_an_iteration_changes_weights_only_in_the_updates_that_are_for_them(backbone, batch):
    model, drawn = build(backbone), batch()
    optimizer = torch.optim.Adam(
        [{"params": parameters} for parameters in model.parameter_groups().values()], lr=1e-2
    )
    assert model.updates(drawn) == 3
    for _ in range(2):  # the second time there is momentum that could move what has no gradient
        for update in range(3):
            before = {name: value.clone() for name, value in model.named_parameters()}
            optimizer.zero_grad(set_to_none=True)
            model.losses(drawn, update=update)["total"].backward()
            optimizer.step()
            changed = {
                name.split(".")[0]
                for name, value in model.named_parameters()
                if not value.equal(before[name])
            }
            assert changed == TAUGHT[update]


def test_the_first_update_is_that_of_erm(backbone, batch):
    found = build(backbone).losses(batch())
    wanted = erm.build(erm.Config(), backbone()).losses(batch())
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_the_error_of_the_published_code_is_a_setting(backbone, batch):
    model, drawn = build(backbone, error="rmse", lambda_va=2.0), batch()
    losses = model.losses(drawn)
    assert set(losses) == {"total", "rmse", "pcc", "ccc"}
    squared = (model.project(model.encode(drawn.images)) - drawn.target).square().mean(dim=0)
    torch.testing.assert_close(losses["rmse"], squared.sqrt().sum())
    wanted = 2 * losses["rmse"] + 0.5 * (losses["pcc"] + losses["ccc"])
    torch.testing.assert_close(losses["total"], wanted)


def test_critic_and_multiplier_agree_with_the_vectors(backbone, batch):
    model = build(backbone).double()
    strong, weak = (torch.tensor(CASE[name], dtype=torch.float64) for name in ("h_strong", "l_weak"))
    assert model._critic_loss(strong, weak).item() == pytest.approx(CASE["critic_loss"], rel=1e-9)
    assert model.multiplier.item() == pytest.approx(CASE["lambda_after"], rel=1e-9)


def test_the_loss_of_the_encoder_agrees_with_the_vectors(backbone, batch, monkeypatch):
    model, drawn = build(backbone), batch()
    seen = []
    monkeypatch.setattr(
        model, "_embed_frozen", lambda features: seen.append(features) or torch.tensor(CASE["l_weak"])
    )
    losses = model.losses(drawn, update=ENCODER)
    _, weak = model._groups(drawn)
    assert torch.equal(seen[0], model.encode(drawn.images)[weak])
    assert losses["total"].item() == pytest.approx(CASE["adv_loss_encoder"], rel=1e-6)  # float32
    assert losses["total"] == 0.1 * losses["encoder"]


def test_the_multiplier_takes_one_step_an_iteration_and_is_kept_with_the_weights(backbone, batch):
    model, drawn = build(backbone, rho=0.1), batch()
    values = [model.multiplier.item()]
    for update in (REGRESSION, CRITIC, ENCODER, CRITIC):
        model.losses(drawn, update=update)["total"].backward()
        values.append(model.multiplier.item())
    assert values[0] == values[1] == 0
    assert values[2] == values[3] != 0
    assert values[4] != values[3]
    loaded = build(backbone)
    loaded.load_state_dict(model.state_dict())
    assert loaded.multiplier == values[4]
    model.eval().losses(drawn, update=CRITIC)
    assert model.multiplier == values[4]


def test_the_multiplier_has_its_place_in_the_loss(backbone, batch):
    model, drawn = build(backbone, rho=1e-9), batch()
    torch.manual_seed(0)
    without = model.losses(drawn, update=CRITIC)["critic"]
    step = model.multiplier.clone()
    model.multiplier.fill_(2.0)
    torch.manual_seed(0)  # the critic has dropout
    with_it = model.losses(drawn, update=CRITIC)["critic"]
    torch.testing.assert_close(with_it - without, 2 * step / 1e-9, rtol=1e-4, atol=1e-4)


def test_without_strong_and_weak_samples_there_is_but_one_update(backbone, batch):
    model, drawn = build(backbone), same_intensity(batch())
    assert model.updates(drawn) == 1
    assert model.losses(drawn)["total"].isfinite()


@pytest.mark.parametrize("threshold", ["quantile", "fixed", "reference"])
@pytest.mark.parametrize("head", ["projector", "caf"])
def test_every_rule_and_head_trains(backbone, batch, threshold, head):
    model, drawn = build(backbone, threshold=threshold, head=head), batch()
    for update in range(model.updates(drawn)):
        losses = model.losses(drawn, update=update)
        losses["total"].backward()
        assert losses["total"].isfinite()
    assert model.updates(drawn) == 3


def test_losses_are_a_function_of_the_batch_seed(backbone, batch):
    def critic(seed):
        torch.manual_seed(0)
        return build(backbone).losses(batch(seed=seed), update=CRITIC)["critic"]

    assert torch.equal(critic(1), critic(1))
    assert not torch.equal(critic(1), critic(2))


def test_the_head_of_the_published_code_sees_what_the_trunk_gives(backbone):
    model = build(backbone, head="caf")
    assert isinstance(model.backbone, Backbone)
    assert isinstance(model.backbone.neck, nn.Identity)
    linear = [layer for layer in model.projector if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(24, 64), (64, 8), (8, 2)]
    assert model.critic[0].in_features == 24
    assert build(backbone).critic[0].in_features == 8


@pytest.mark.parametrize(
    "settings",
    [{"bounds": (0.3, 0.65)}, {"confidence": 0.5}, {"quantile": 1.0}, {"rho": 0.0}],
    ids=str,
)
def test_settings_that_mean_nothing_are_refused(settings):
    with pytest.raises(ValidationError):
        Config(**settings)
