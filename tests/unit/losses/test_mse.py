import torch

from elimctl.losses.mse import grouped_mse, mse


def test_it_agrees_with_torch():
    preds, target = torch.randn(5, 2).double(), torch.randn(5, 2).double()
    torch.testing.assert_close(mse(preds, target), torch.nn.functional.mse_loss(preds, target))


def test_groups_agree_with_one_call_each_and_padding_is_left_out():
    preds, target = torch.randn(3, 4, 2).double(), torch.randn(3, 4, 2).double()
    counts = torch.tensor([4, 1, 2])
    found = grouped_mse(preds, target, torch.arange(4) < counts.unsqueeze(1))
    for group, count in enumerate(counts):
        torch.testing.assert_close(found[group], mse(preds[group, :count], target[group, :count]))
