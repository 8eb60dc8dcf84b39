import pytest
import torch

from elimctl.loader.batch import Batch


@pytest.fixture
def batch():
    return Batch(
        images=torch.zeros(2, 4, 4, 3, dtype=torch.uint8).permute(0, 3, 1, 2),
        target=torch.zeros(2, 2),
        identity=torch.zeros(2, dtype=torch.int64),
        index=torch.zeros(2, dtype=torch.int64),
        groups=torch.empty(0, 0, dtype=torch.int64),
        seed=3,
        step=5,
    )


def tensors(batch):
    return (batch.images, batch.target, batch.identity, batch.index, batch.groups)


def test_to_moves_every_tensor_and_keeps_the_numbers(batch):
    moved = batch.to("meta")
    assert all(tensor.device.type == "meta" for tensor in tensors(moved))
    assert moved.images.is_contiguous(memory_format=torch.channels_last)
    assert (moved.seed, moved.step) == (3, 5)


@pytest.mark.gpu
def test_pin_pins_every_tensor(batch):
    pinned = batch.pin_memory()
    assert all(tensor.is_pinned() for tensor in tensors(pinned) if tensor.numel())
    assert pinned.images.is_contiguous(memory_format=torch.channels_last)
    assert pinned.pin_memory().images.data_ptr() == pinned.images.data_ptr()
