import pytest
import torch
from pydantic import ValidationError

from elimctl.config import validate
from elimctl.errors import ConfigError
from elimctl.methods import elim, elim_attention
from elimctl.methods.elim_attention import Config

FORMS = pytest.mark.parametrize("attention", ["cross", "reference"])


def build(backbone, **settings):
    return elim_attention.build(Config(**settings), backbone(settings.pop("d", 8)))


@FORMS
def test_only_the_main_loss_teaches_the_attention(backbone, batch, attention):
    model, drawn = build(backbone, attention=attention), batch()
    losses = model.losses(drawn)
    parameters = model.parameter_groups()["attention"]
    (losses["va"] + losses["pcc"] + losses["ccc"]).backward(retain_graph=True)
    assert all(parameter.grad is None for parameter in parameters)
    losses["main"].backward()
    assert all(parameter.grad.isfinite().all() for parameter in parameters)
    assert sum(parameter.grad.abs().sum() for parameter in parameters) > 0


@FORMS
def test_the_gradient_passes_through_the_shift_to_both_sides(backbone, batch, attention):
    model, drawn = build(backbone, attention=attention, reference="first"), batch()
    features = torch.rand(24, 8, requires_grad=True)
    model.matching_loss(features, model.project(features.detach()), drawn).backward()
    assert (features.grad.abs().sum(dim=1) > 0)[drawn.groups[0, 0]]


@FORMS
@pytest.mark.parametrize("sampling", ["gumbel", "none", "max-filling"])
@pytest.mark.parametrize("shift", ["per_sample", "first", "mean"])
def test_every_sampling_and_sharing_trains(backbone, batch, attention, sampling, shift):
    model = build(backbone, attention=attention, sampling=sampling, shift=shift)
    model.losses(batch())["total"].backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_sharing_the_shift_is_a_setting(backbone):
    z, mask = torch.rand(3, 4, 8), torch.ones(3, 4).bool()
    own = build(backbone).shifts(z, mask)
    torch.testing.assert_close(build(backbone, shift="first").shifts(z, mask), own[:, :1].expand(-1, 4))


def test_it_has_a_group_of_its_own_for_the_optimiser(backbone):
    groups = build(backbone).parameter_groups()
    assert list(groups) == ["backbone", "projector", "attention"]
    assert not build(backbone).every_parameter


def test_without_groups_the_attention_is_left_alone(backbone, batch):
    model, drawn = build(backbone), batch((5,))
    model.losses(drawn)["total"].backward()
    assert all(parameter.grad is None for parameter in model.parameter_groups()["attention"])


def test_backbone_and_projector_start_as_those_of_elim(backbone):
    wanted = elim.build(elim.Config(), backbone()).state_dict()
    found = build(backbone).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())


def test_under_autocast_the_shift_is_computed_in_float32(backbone):
    model = build(backbone)
    z, mask = torch.rand(3, 4, 8).bfloat16(), torch.ones(3, 4).bool()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model.shifts(z, mask)
    assert torch.equal(found, model.shifts(z.float(), mask))


@FORMS
def test_matching_never_waits_for_the_device(backbone, batch, attention):
    # a tensor on meta has no values: whatever asks for one, on the way forward or back, fails
    model = build(backbone, attention=attention).to("meta")
    features = torch.empty(24, 8, device="meta", requires_grad=True)
    model.matching_loss(features, model.project(features), batch().to("meta")).backward()
    assert features.grad.shape == features.shape


def test_settings_of_the_transport_are_refused(backbone):
    with pytest.raises(ConfigError, match=r"method\.eta: .*is not used by elim-attention") as error:
        validate(Config, {"eta": 3.0}, where="method")
    assert "found 3.0" in error.value.message
    for settings in ({"n_iter": 7}, {"differentiate_plan": True}, {"weights": "self_side"}):
        with pytest.raises(ValidationError):
            Config(**settings)


def test_settings_that_were_written_in_full_are_read_again():
    written = Config(samples_per_identity=4, warmup=(1, 9))
    assert Config(**written.model_dump()) == written


def test_heads_that_do_not_divide_the_width_are_refused(backbone):
    with pytest.raises(ConfigError, match=r"method\.heads = 3 .* width model\.d = 8"):
        build(backbone, heads=3)
