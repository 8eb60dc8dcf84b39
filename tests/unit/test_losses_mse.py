import torch

from elimctl.losses import grouped_mse, mse


def samples(*shape):
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_it_agrees_with_torch():
    preds, target = samples(5, 2)
    torch.testing.assert_close(mse(preds, target), torch.nn.functional.mse_loss(preds, target))


def test_groups_agree_with_one_call_each_and_padding_is_left_out():
    preds, target = samples(3, 4, 2)
    counts = torch.tensor([4, 1, 2])
    found = grouped_mse(preds, target, torch.arange(4) < counts.unsqueeze(1))
    for group, count in enumerate(counts):
        torch.testing.assert_close(found[group], mse(preds[group, :count], target[group, :count]))
