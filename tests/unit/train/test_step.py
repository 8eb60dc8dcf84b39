"""That a step with each option agrees with one in plain float32."""

from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from elimctl.backbones.backbone import Backbone
from elimctl.errors import ConfigError, TrainingError
from elimctl.loader.batches import Batches, Plan, Samples
from elimctl.methods import elim, erm
from elimctl.store.images import Reader
from elimctl.train.config import TrainConfig
from elimctl.train.session import Session
from elimctl.train.step import step_seed, take_step

METHODS = {"elim": elim, "erm": erm}


class Noise(Reader):
    """Images of noise."""

    shape = (40, 20, 20, 3)
    attributes: ClassVar = {}

    def read(self, indices):
        return np.random.default_rng(0).integers(0, 255, self.shape, dtype=np.uint8)[indices]

    def check(self):
        pass


def session(*, method="elim", norm=True, dropout=0.0, **train):
    """A session on a small network, its weights always the same."""
    plugin = METHODS[method]
    torch.manual_seed(0)
    trunk = nn.Sequential(
        nn.Conv2d(3, 8, 5, 3), nn.BatchNorm2d(8) if norm else nn.Identity(), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(dropout),
    )  # fmt: skip
    model = plugin.build(plugin.Config(), Backbone(trunk, nn.Sequential(nn.Linear(32, 8), nn.ReLU())))
    settings = {"steps": 1, "batch_size": 20, "device": "cpu", "precision": "float32", "lr_backbone": 1e-3}
    config = TrainConfig(**settings | train)
    target = np.random.default_rng(1).uniform(-1, 1, (40, 2)).astype(np.float32)
    samples = Samples(np.arange(40), target, np.repeat(np.arange(8), 5), tuple("abcdefgh"))
    plan = Plan(20, plugin.SAMPLER, identities_per_batch=5, min_samples=2, crop_px=16, hflip=0.5, seed=0)
    return Session(SimpleNamespace(name="one"), config, model, Batches(Noise(), samples, plan), None)


def step(made, number=0):
    """Losses, and gradients and buffers of the network, of a step."""
    losses = take_step(made, made.batches.batch(number))
    gradients = {name: weight.grad.float() for name, weight in made.model.named_parameters()}
    buffers = {name: value.clone() for name, value in made.model.named_buffers()}
    return {name: torch.tensor(value) for name, value in losses.items()}, gradients, buffers


def scale(made, factor):
    """Set what losses are multiplied by; a run finds it by itself in its first steps."""
    made.scaler.load_state_dict(made.scaler.state_dict() | {"scale": factor})


def assert_agree(found, wanted, *, rtol, atol):
    for values, references in zip(found, wanted, strict=True):
        assert values.keys() == references.keys()
        for name, value in values.items():
            # a gradient is judged by the largest of its tensor: those that are 0 in truth are rounding errors
            scale = references[name].abs().max().item() if references[name].is_floating_point() else 0
            torch.testing.assert_close(value, references[name], rtol=0, atol=rtol * scale + atol)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("option", "rtol"),
    [
        ({"channels_last": False}, 1e-5),  # sums in another order, in float32
        ({"fused": True}, 1e-5),
        ({"clip_norm": 1e6}, 0),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_step_agrees_with_plain_float32(method, option, rtol):
    found, wanted = step(session(method=method, **option)), step(session(method=method))
    # gradients that are 0 in truth: 1.3e-6 at most was seen, with one thread, which sums up in another order
    assert_agree(found, wanted, rtol=rtol, atol=3e-6 if rtol else 0)


@pytest.mark.parametrize("method", METHODS)
def test_the_gradient_of_a_step_holds_nothing_of_the_step_before(method):
    made, fresh = session(method=method), session(method=method)
    step(made, 0)
    fresh.model.load_state_dict(made.model.state_dict())
    assert_agree(step(made, 1), step(fresh, 1), rtol=0, atol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("precision", "loss_rtol", "gradient_rtol"),
    # products have 8 and 11 bits: an error of 0.4 % and 0.05 % each, which layer upon layer adds to
    [("bf16", 2e-2, 0.1), ("fp16", 2e-3, 0.01)],
)
def test_a_step_of_fewer_bits_is_near_that_of_float32(method, precision, loss_rtol, gradient_rtol):
    made, plain = session(method=method, precision=precision), session(method=method)
    scale(made, 1024.0)
    (losses, gradients, _), (wanted_losses, wanted, _) = step(made), step(plain)
    for name, loss in wanted_losses.items():
        torch.testing.assert_close(losses[name], loss, rtol=loss_rtol, atol=0)
    found, whole = (torch.cat([value.flatten() for value in side.values()]) for side in (gradients, wanted))
    error = (found - whole).norm() / whole.norm()
    assert error < gradient_rtol
    for name, weight in made.model.named_parameters():  # Adam's first step is as long for every gradient
        assert (weight - dict(plain.model.named_parameters())[name]).abs().max() <= 2.1e-3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("parts", [2, 3, 10])
def test_a_batch_in_parts_takes_the_step_of_the_whole(method, parts):
    found, wanted = (step(session(method=method, norm=False, accumulate=parts)) for parts in (parts, 1))
    # before a BatchNorm a bias has a gradient of 0, and what is left is as small as the sums were large
    assert_agree(found, wanted, rtol=1e-5, atol=1e-5)


def test_parts_of_single_images_are_refused():
    with pytest.raises(ConfigError, match="makes parts of 1 of the 20 images of a rank"):
        session(accumulate=11)


def test_parts_are_seen_twice_by_the_network_and_once_by_its_statistics():
    made = session(accumulate=2)
    seen = []
    made.model.backbone.trunk[0].register_forward_hook(lambda _, images, __: seen.append(len(images[0])))
    _, _, buffers = step(made)
    assert sorted(seen) == [10, 10, 10, 10]
    # each part once: by the definition of the running mean, from 0, with a momentum of 0.1
    images = made.batches.batch(0).images
    with torch.no_grad():
        fresh = session()
        normed = [fresh.model.normalise(part) for part in images.tensor_split(2)]
        first, second = (fresh.model.backbone.trunk[0](part).mean((0, 2, 3)) for part in normed)
    torch.testing.assert_close(buffers["backbone.trunk.1.running_mean"], 0.09 * first + 0.1 * second)
    assert buffers["backbone.trunk.1.num_batches_tracked"] == 2
    assert {norm.momentum for norm in made.model.passes.norms} == {0.1}


def test_parts_draw_the_same_dropout_both_times():
    first, second = (step(session(dropout=0.5, norm=False, accumulate=4)) for _ in range(2))
    assert_agree(first, second, rtol=0, atol=0)
    # a second draw would give a gradient that has nothing to do with the loss
    made = session(dropout=0.5, norm=False, accumulate=4)
    losses, gradients, _ = step(made)
    weight = made.model.projector.output.bias
    moved = session(dropout=0.5, norm=False, accumulate=4)
    with torch.no_grad():
        moved.model.projector.output.bias += 1e-3 * gradients["projector.output.bias"]
    after, _, _ = step(moved)
    expected = 1e-3 * gradients["projector.output.bias"].square().sum()
    torch.testing.assert_close(after["total"] - losses["total"], expected, rtol=0.05, atol=1e-6)
    assert weight.shape == (2,)


def test_clipping_bounds_the_gradient_of_the_backbone_alone():
    free, clipped = session(), session(clip_norm=0.01)
    (_, wide, _), (_, narrow, _) = step(free), step(clipped)
    backbone = [name for name in wide if name.startswith("backbone")]
    norm = torch.stack([narrow[name].norm() for name in backbone]).norm()
    torch.testing.assert_close(norm, torch.tensor(0.01), rtol=1e-3, atol=0)
    for name in set(wide) - set(backbone):
        assert torch.equal(wide[name], narrow[name])


def test_clipping_sees_gradients_without_the_scale_of_fp16():
    made = session(precision="fp16", clip_norm=0.01)
    scale(made, 1024.0)
    _, gradients, _ = step(made)
    norm = torch.stack([value.norm() for name, value in gradients.items() if "backbone" in name]).norm()
    torch.testing.assert_close(norm, torch.tensor(0.01), rtol=1e-2, atol=0)


def test_fp16_leaves_out_a_step_whose_gradient_overflows_and_lowers_the_scale():
    made = session(precision="fp16")
    scale(made, 2.0**40)
    before = {name: value.clone() for name, value in made.model.named_parameters()}
    take_step(made, made.batches.batch(0))
    assert all(torch.equal(value, before[name]) for name, value in made.model.named_parameters())
    assert made.scaler.get_scale() == 2.0**39


def test_what_is_drawn_in_a_step_follows_from_seed_and_step_alone():
    made, again = session(dropout=0.5), session(dropout=0.5)
    torch.manual_seed(5)  # after the weights are drawn, which seeds the generator
    first = step(made, number=3)
    torch.manual_seed(6)
    assert_agree(step(again, number=3), first, rtol=0, atol=0)
    assert len({step_seed(seed, number) for seed in range(3) for number in range(3)}) == 9


def test_a_loss_that_is_not_finite_never_reaches_the_weights():
    made = session()
    with torch.no_grad():
        made.model.projector.output.bias.fill_(float("inf"))
    before = made.model.backbone.trunk[0].weight.clone()
    with pytest.raises(TrainingError, match="at step 1 of run one; identities in the batch: "):
        step(made)
    assert torch.equal(made.model.backbone.trunk[0].weight, before)
