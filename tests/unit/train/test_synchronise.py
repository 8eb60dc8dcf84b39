from copy import deepcopy

import pytest
import torch
from timm.layers import BatchNormAct2d
from torch import distributed, nn

from elimctl.train.synchronise import SynchronisedBatchNorm, synchronise


@pytest.fixture(autouse=True)
def _alone(tmp_path):
    """A group of this process alone; what several make of it is for the end-to-end tests."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Sequential(nn.Conv2d(4, 5, 3), BatchNormAct2d(5)), nn.Flatten(), nn.Linear(80, 6),
        nn.BatchNorm1d(6, momentum=None), nn.BatchNorm1d(6, affine=False),
    )  # fmt: skip


def step(model, images):
    model.zero_grad()
    out = model(images)
    out.square().sum().backward()
    return out, {name: weight.grad for name, weight in model.named_parameters()}


def test_alone_it_is_batch_norm():
    plain = network()
    synchronised = deepcopy(plain)
    synchronise(synchronised, torch.device("cpu"))
    assert sum(isinstance(layer, SynchronisedBatchNorm) for layer in synchronised.modules()) == 4
    assert plain.state_dict().keys() == synchronised.state_dict().keys()
    for seed in range(3):
        images = torch.rand(7, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        (wanted, gradients), (found, others) = step(plain, images), step(synchronised, images)
        # float32, sums in another order; a bias before a BatchNorm has a gradient of 0 but for rounding
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(others, gradients, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(synchronised.state_dict(), plain.state_dict(), rtol=1e-5, atol=1e-6)


def test_in_evaluation_it_is_the_same_to_the_last_bit():
    plain = network().eval()
    synchronised = deepcopy(plain)
    synchronise(synchronised, torch.device("cpu"))
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(plain(images), synchronised(images))


def test_parameters_are_those_of_the_layer_that_it_stands_for():
    model = network()
    before = {name: id(weight) for name, weight in model.named_parameters()}
    synchronise(model, torch.device("cpu"))
    assert {name: id(weight) for name, weight in model.named_parameters()} == before


def test_bfloat16_is_summed_in_float32():
    layer = SynchronisedBatchNorm(nn.BatchNorm1d(1))
    values = (1000 + torch.arange(64.0)).reshape(64, 1).bfloat16()
    found = layer(values)
    assert found.dtype == torch.bfloat16
    wanted = nn.BatchNorm1d(1)(values.float())
    torch.testing.assert_close(found.float(), wanted, rtol=1e-2, atol=1e-2)  # eight bits of mantissa
