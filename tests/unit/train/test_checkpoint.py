import pytest
import torch
from torch import nn

from elimctl.errors import MissingError, StoreError
from elimctl.train.checkpoint import FORMAT_VERSION, Progress, load, save


def trained(seed=0):
    """A channels-last network and its Adam after three steps."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        step(model, optimizer)
    return model, optimizer


def step(model, optimizer):
    optimizer.zero_grad()
    model(torch.ones(2, 3, 8, 8) * torch.arange(8.0)).square().mean().backward()
    optimizer.step()


def test_a_loaded_checkpoint_goes_on_bit_for_bit(tmp_path):
    model, optimizer = trained()
    save(tmp_path / "c.safetensors", model, optimizer, Progress(3, 0.5, 2))
    other, other_optimizer = trained(seed=1)
    assert load(tmp_path / "c.safetensors", other, other_optimizer) == Progress(3, 0.5, 2)
    for _ in range(3):
        step(model, optimizer)
        step(other, other_optimizer)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_a_checkpoint_for_evaluation_holds_no_optimiser(tmp_path):
    model, optimizer = trained()
    save(tmp_path / "with.safetensors", model, optimizer, Progress())
    save(tmp_path / "without.safetensors", model, None, Progress())
    sizes = [(tmp_path / name).stat().st_size for name in ("without.safetensors", "with.safetensors")]
    assert sizes[0] < sizes[1]


def test_a_missing_checkpoint_says_what_to_run(tmp_path):
    with pytest.raises(MissingError) as caught:
        load(tmp_path / "gone.safetensors", nn.Linear(1, 1))
    assert "elimctl train" in caught.value.hint


def test_a_truncated_checkpoint_is_named_as_damaged(tmp_path):
    model, optimizer = trained()
    file = tmp_path / "c.safetensors"
    save(file, model, optimizer, Progress())
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(StoreError, match="is damaged"):
        load(file, model)


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    save(tmp_path / "c.safetensors", nn.Linear(2, 2), None, Progress())
    with pytest.raises(StoreError, match="holds another network"):
        load(tmp_path / "c.safetensors", nn.Linear(3, 2))


@pytest.mark.parametrize(("apart", "said"), [(1, "newer elimctl"), (-1, "older elimctl")])
def test_a_checkpoint_of_another_version_is_refused(tmp_path, monkeypatch, apart, said):
    monkeypatch.setattr("elimctl.train.checkpoint.FORMAT_VERSION", FORMAT_VERSION + apart)
    save(tmp_path / "c.safetensors", nn.Linear(2, 2), None, Progress())
    monkeypatch.undo()
    with pytest.raises(StoreError, match=said):
        load(tmp_path / "c.safetensors", nn.Linear(2, 2))
