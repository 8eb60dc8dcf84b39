import torch

from elimctl.bench import machine

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


def test_a_card_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    machine.wait(CPU)
    machine.wait(GPU)
    assert waited == [GPU]
