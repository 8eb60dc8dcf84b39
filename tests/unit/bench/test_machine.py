from pathlib import Path

import torch

from elimctl.bench import machine

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


def test_the_processor_is_named_as_the_system_names_it(monkeypatch):
    listed = (
        "processor\t: 0\nmodel name\t: Some Processor 9\n\nprocessor\t: 1\nmodel name\t: Some Processor 9\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: listed)
    assert machine.name(CPU) == "Some Processor 9"


def test_a_system_that_lists_no_model_names_its_architecture(monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    for read in (missing, lambda *_, **__: "Processor\t: 0\n"):
        monkeypatch.setattr(Path, "read_text", read)
        monkeypatch.setattr("platform.processor", lambda: "")
        monkeypatch.setattr("platform.machine", lambda: "riscv64")
        assert machine.name(CPU) == "riscv64"


def test_a_card_is_named_and_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Card {device.index}")
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    assert machine.name(GPU) == "Card 1"
    machine.wait(CPU)
    machine.wait(GPU)
    assert waited == [GPU]
