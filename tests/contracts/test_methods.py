"""What every method promises, whoever wrote it."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from elimctl import config, plugins
from elimctl.backbones.backbone import Backbone
from elimctl.config import Config
from elimctl.loader.batch import Batch

NAMES = plugins.names("methods")
COUNTS = (5, 3, 6)
# what a run resolves from the dataset for a method that classifies
CLASSIFICATION = {"classes": 4, "epoch_steps": 1}
# few enough for the batch: groups that are matched want as many
SAMPLES = 3


@pytest.fixture(params=NAMES)
def method(request):
    """A function that builds the method on a small backbone, always with the same weights."""
    plugin = plugins.find("methods", request.param)

    def build():
        torch.manual_seed(0)
        trunk = nn.Sequential(nn.Conv2d(3, 4, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        neck = nn.Sequential(nn.Linear(16, 8), nn.BatchNorm1d(8), nn.ReLU())
        resolved = CLASSIFICATION if task(plugin) == "classification" else {"samples_per_identity": SAMPLES}
        asked = {key: value for key, value in resolved.items() if key in plugin.Config.model_fields}
        return plugin.build(plugin.Config(**asked), Backbone(trunk, neck))

    build.matches = hasattr(plugin, "MATCHES")
    build.outputs = CLASSIFICATION["classes"] if task(plugin) == "classification" else 2
    return build


def task(plugin):
    return getattr(plugin, "TASK", "regression")


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    starts = torch.tensor((0, *COUNTS)).cumsum(0)
    places = torch.arange(max(COUNTS)) + starts[:-1, None]
    total = sum(COUNTS)
    return Batch(
        images=torch.randint(0, 256, (total, 3, 16, 16), generator=generator, dtype=torch.uint8),
        target=2 * torch.rand(total, 2, generator=generator) - 1,
        identity=torch.repeat_interleave(torch.arange(len(COUNTS)), torch.tensor(COUNTS)),
        index=torch.arange(total),
        groups=torch.where(places < starts[1:, None], places, -1),
        seed=1,
        step=2,
        classes=torch.arange(total) % CLASSIFICATION["classes"],
        age=torch.tensor([20.0, 35.0, 70.0])[torch.arange(total) % 3],
    )


def backward(model, batch):
    """Add up the gradients of all updates of an iteration."""
    for update in range(model.updates(batch)):
        model.losses(batch, update=update)["total"].backward()


def iterate(model, batch, optimizer):
    """One iteration, as in training: an optimiser step after each update; the total of each."""
    totals = []
    for update in range(model.updates(batch)):
        total = model.losses(batch, update=update)["total"]
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
        totals.append(total.item())
    return totals


def learning(model):
    """Parameters that are not frozen."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def test_there_are_methods():
    assert {"elim", "erm"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_survive_toml(name, tmp_path):
    plugin = plugins.find("methods", name)
    assert issubclass(plugin.Config, Config)
    settings = plugin.Config()
    config.write_toml(tmp_path / "method.toml", settings.model_dump(mode="json"))
    assert (
        config.validate(plugin.Config, config.read_toml(tmp_path / "method.toml"), where="method") == settings
    )


@pytest.mark.parametrize("name", NAMES)
def test_it_names_its_sampler(name):
    assert plugins.find("methods", name).SAMPLER in ("identity", "shuffle", "class")


def test_losses_are_finite_scalars(method, batch):
    losses = method().losses(batch)
    assert "total" in losses
    assert set(losses) - {"total"}
    for loss in losses.values():
        assert loss.shape == ()
        assert loss.isfinite()


def test_the_total_is_the_weighted_sum_of_its_parts(method, batch):
    losses = method().losses(batch)
    weights = {"main": 1, "va": 1, "pcc": 0.5, "ccc": 0.5}  # defaults of every method that has such a part
    if set(losses) - {"total"} - set(weights):
        pytest.skip("a loss of the method's own; its weight is for the method's own tests")
    wanted = sum(weights[name] * loss for name, loss in losses.items() if name != "total")
    torch.testing.assert_close(losses["total"], wanted)


def test_each_update_can_be_stepped(method, batch):
    model = method()
    iterate(model, batch, torch.optim.Adam(model.parameters(), lr=1e-3))
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_gradient_reaches_every_parameter_of_both_groups(method, batch):
    model = method()
    backward(model, batch)
    groups = model.parameter_groups()
    assert {"backbone", "projector"} <= set(groups)
    for parameters in groups.values():
        assert all(parameter.grad is not None for parameter in parameters)
        assert any(parameter.grad.abs().sum() > 0 for parameter in parameters)


def test_every_parameter_that_learns_is_in_exactly_one_group(method):
    model = method()
    grouped = [parameter for parameters in model.parameter_groups().values() for parameter in parameters]
    assert sorted(map(id, grouped)) == sorted(map(id, learning(model)))


def test_losses_are_a_function_of_weights_and_batch(method, batch):
    torch.manual_seed(1)
    first = method().losses(batch)
    torch.manual_seed(2)
    second = method().losses(batch)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_it_learns(method, batch):
    model = method()
    before = {
        name: [weights.clone() for weights in group] for name, group in model.parameter_groups().items()
    }
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    history = [iterate(model, batch, optimizer)[0] for _ in range(30)]
    assert history[-1] < 0.8 * history[0]  # 14 samples, thousands of weights
    for name, group in model.parameter_groups().items():
        assert not any(torch.equal(*pair) for pair in zip(before[name], group, strict=True)), name


def test_what_is_matched_is_there_to_be_learned_from(method, batch):
    model = method()
    found = [model.losses(batch, update=update) for update in range(model.updates(batch))]
    assert all(losses["main"] > 0 for losses in found if "main" in losses)
    assert any("main" in losses for losses in found) == method.matches


def test_an_iteration_leaves_what_is_frozen_and_constants_as_they_are(method, batch):
    model = method()
    saved = model.state_dict().keys()  # a constant is not: other buffers count, or are averages over batches
    constants = {name: value for name, value in model.named_buffers() if name not in saved}
    frozen = {name: value for name, value in model.named_parameters() if not value.requires_grad}
    kept = {name: value.clone() for name, value in (constants | frozen).items()}
    iterate(model, batch, torch.optim.Adam(model.parameters(), lr=1e-2))
    now = dict(model.named_parameters()) | dict(model.named_buffers())
    assert kept
    assert all(torch.equal(now[name], value) for name, value in kept.items())
    assert all(model.get_parameter(name).grad is None for name in frozen)


def test_a_batch_without_groups_still_trains(method, batch):
    alone = replace(batch, groups=torch.empty(0, 0, dtype=torch.int64))
    model = method()
    for update in range(model.updates(alone)):
        losses = model.losses(alone, update=update)
        losses["total"].backward()
        assert losses["total"].isfinite()


def test_predictions_depend_on_each_image_alone(method, batch):
    model = method().eval()
    with torch.no_grad():
        together = model.predict(batch.images)
        alone = torch.cat([model.predict(image.unsqueeze(0)) for image in batch.images])
    assert together.shape == (sum(COUNTS), method.outputs)
    # convolutions of one image and of many may add in another order
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_calling_it_predicts_and_float_pixels_are_as_good_as_bytes(method, batch):
    model = method().eval()
    with torch.no_grad():
        wanted = model.predict(batch.images)
        assert torch.equal(model(batch.images), wanted)
        assert torch.equal(model(batch.images.float()), wanted)


def test_prediction_in_evaluation_changes_no_state(method, batch):
    model = method().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        model.predict(batch.images)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_its_state_survives_saving_and_loading(method, batch):
    trained = method()
    backward(trained, batch)
    with torch.no_grad():
        for parameter in learning(trained):
            parameter -= 0.1 * parameter.grad
    loaded = method()
    loaded.load_state_dict({name: value.clone() for name, value in trained.state_dict().items()})
    with torch.no_grad():
        assert torch.equal(loaded.eval().predict(batch.images), trained.eval().predict(batch.images))


def test_it_trains_under_autocast(method, batch):
    model = method()
    for update in range(model.updates(batch)):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = model.losses(batch, update=update)
        assert all(loss.dtype == torch.float32 for loss in losses.values())
        losses["total"].backward()
    assert all(parameter.grad.isfinite().all() for parameter in learning(model))
