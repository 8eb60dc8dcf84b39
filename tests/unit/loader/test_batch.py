import torch

from elimctl.loader.batch import Batch


def test_to_moves_every_tensor_and_keeps_the_numbers():
    batch = Batch(
        images=torch.zeros(2, 4, 4, 3, dtype=torch.uint8).permute(0, 3, 1, 2),
        target=torch.zeros(2, 2),
        identity=torch.zeros(2, dtype=torch.int64),
        index=torch.zeros(2, dtype=torch.int64),
        groups=torch.empty(0, 0, dtype=torch.int64),
        seed=3,
        step=5,
    )
    moved = batch.to("meta")
    tensors = (moved.images, moved.target, moved.identity, moved.index, moved.groups)
    assert all(tensor.device.type == "meta" for tensor in tensors)
    assert moved.images.is_contiguous(memory_format=torch.channels_last)
    assert (moved.seed, moved.step) == (3, 5)
