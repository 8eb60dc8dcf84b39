"""`elimctl bench`: what is asked of the measurements, and how what they found is shown."""

import json
import sys

import pytest
import torch

from elimctl.bench import evaluate, loader, memory, prepare, train, transport
from elimctl.cli import main as cli

SECONDS = {"ours": 0.001, "loop": 0.5, "pot_loop": 0.02, "pot_batch": 0.0015, "emd": 0.01, "qp": None}
CASE = transport.Case(
    identities=10,
    samples=51,
    dim=64,
    seconds=SECONDS,
    backward_seconds={"detached": 0.002, "differentiated": 0.004},
)
STEPS = train.Rates(
    "Some Card", store=950, repeated=1000, elim=3.8, erm=4, matching=380, settings={"backbone": "r18"}
)
RATES = {"ours": 90.0, "reference": 3.0, "memmap": 100.0, "hdf5": 80.0, "jpeg": 7.0, "cv2_decode": 10.0}


@pytest.fixture
def run(capsys, monkeypatch):
    """A function that runs a measurement of 80 columns: exit code, stdout, stderr."""

    def call(*arguments):
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "argv", ["elimctl", "bench", *arguments])
        with pytest.raises(SystemExit) as leave:
            cli.main()
        return leave.value.code or 0, *capsys.readouterr()

    return call


@pytest.fixture
def finding(monkeypatch):
    """A function that makes a measurement find something known, and returns what it will be asked."""

    def find(room, found):
        asked = []

        def measure(*arguments, **knobs):
            asked.append((arguments, knobs))
            yield "measuring"
            yield found

        monkeypatch.setattr(room, "measure", measure)
        return asked

    return find


def cells(table):
    """The rows of a table as lists of their cells."""
    return [[cell.strip() for cell in line.strip("│┃ ").split("│")] for line in table.splitlines()]


def test_transport_in_json_has_the_device_and_the_cases(run, finding):
    asked = finding(transport, [CASE])
    code, out, err = run("transport", "--rounds", "3", "--json")
    assert code == 0
    assert asked == [((torch.device("cpu"),), {"rounds": 3})]
    found = json.loads(out)
    assert set(found) == {"device", "cases"}
    assert found["cases"] == [
        {
            "identities": 10,
            "samples": 51,
            "dim": 64,
            "seconds": SECONDS,
            "backward_seconds": {"detached": 0.002, "differentiated": 0.004},
        }
    ]
    assert err == "measuring\n"


def test_transport_in_a_table_has_times_ours_and_leaves_out_who_is_not_there(run, finding):
    finding(transport, [CASE, CASE])
    code, out, _ = run("transport")
    assert code == 0
    assert out.count("10 identities, 51 samples, 64 features") == 2
    rows = cells(out)
    assert ["ours", "1.00", "1.0"] in rows
    assert ["loop", "500.00", "500.0"] in rows
    assert ["ours, backward, differentiated", "4.00", "4.0"] in rows
    assert "qp" not in out


def test_transport_on_a_device_that_is_not_there_says_so(run, finding, monkeypatch):
    asked = finding(transport, [CASE])
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    code, out, err = run("transport", "--device", "cuda")
    assert (code, out, asked) == (1, "", [])
    assert "device cuda is not available: 0 CUDA devices found" in err


def test_train_in_json_has_speeds_ratios_and_settings(run, finding):
    asked = finding(train, STEPS)
    code, out, _ = run("train", "--json")
    assert code == 0
    assert json.loads(out) == {
        "device": "Some Card",
        "images_per_second": {"store": 950, "repeated": 1000},
        "steps_per_second": {"elim": 3.8, "erm": 4},
        "ratios": {"store_to_repeated": 0.95, "elim_to_erm": 0.95},
        "matching_share": 0.01,
        "settings": {"backbone": "r18"},
    }
    ((_, config), knobs), *_ = asked
    assert knobs == {"steps": None}
    assert config.model.name == "r18"
    assert (config.train.batch_size, config.train.device) == (None, "auto")


def test_train_takes_what_a_run_is_made_of(run, finding):
    asked = finding(train, STEPS)
    options = ["--backbone", "al", "--batch-size", "64", "--steps", "5", "--device", "cpu", "--compile"]
    code, _, _ = run("train", *options, "--precision", "bf16", "--set", "train.workers=3")
    assert code == 0
    ((_, config), knobs), *_ = asked
    assert knobs == {"steps": 5}
    assert config.model.name == "al"
    made = config.train
    assert (made.batch_size, made.device, made.precision) == (64, "cpu", "bf16")
    assert (made.compile, made.workers) == (True, 3)


def test_train_refuses_what_no_run_is_made_of(run, finding):
    asked = finding(train, STEPS)
    code, _, err = run("train", "--precision", "int4")
    assert (code, asked) == (1, [])
    assert "train.precision" in err


def test_train_in_a_table_shows_the_same(run, finding):
    finding(train, STEPS)
    code, out, _ = run("train")
    assert code == 0
    rows = cells(out)
    assert ["images/s, batches from a store", "950.0"] in rows
    assert ["steps/s, elim", "3.8"] in rows
    assert ["elim to erm", "0.950"] in rows
    assert ["matching alone, share of a step", "0.0100"] in rows


def test_loader_shows_rates_and_ratios(run, finding):
    asked = finding(loader, loader.Rates(**RATES))
    code, out, _ = run("loader", "--images", "8", "--batch-size", "4", "--json")
    assert code == 0
    assert asked[0][1] == {"images": 8, "batch_size": 4}
    found = json.loads(out)
    assert found["images_per_second"] == RATES
    assert found["ratios"]["ours_to_reference"] == 30
    rows = cells(run("loader")[1])
    assert ["memmap", "100"] in rows
    assert ["ours_to_memmap", "0.90"] in rows


def test_prepare_shows_rates_and_the_share_of_the_detector(run, finding):
    asked = finding(prepare, prepare.Rates(workers=2, prepare=45.0, detector=50.0, annotated=400.0))
    code, out, _ = run("prepare", "--frames", "24", "--crops", "12", "--workers", "2", "--json")
    assert code == 0
    assert asked[0][1] == {"frames": 24, "crops": 12, "workers": 2}
    assert json.loads(out) == {
        "workers": 2,
        "images_per_second": {"prepare": 45.0, "detector": 50.0, "annotated": 400.0},
        "share": 0.9,
    }
    _, out, err = run("prepare")
    assert ["the detector alone", "50"] in cells(out)
    assert "90% of the detector's own speed" in err


def test_memory_shows_peaks(run, finding):
    found = memory.Memory(rows=60_000, bytes_per_row=12.0, coordinator_mb=280, worker_mb=170, seconds=60.0)
    finding(memory, found)
    code, out, _ = run("memory", "--json")
    assert code == 0
    assert json.loads(out)["bytes_per_row"] == 12.0
    rows = cells(run("memory")[1])
    assert ["MB, largest worker", "170"] in rows
    assert ["rows/s", "1000"] in rows


def test_eval_shows_seconds_and_memory(run, finding):
    found = evaluate.Measured(
        rows=20_000,
        identities=50,
        resamples=500,
        eval_seconds=1.5,
        peak_mb=700,
        interval_rows=100_000,
        interval_seconds=0.5,
        lone_seconds=2.25,
    )
    asked = finding(evaluate, found)
    arguments = ["--rows", "20000", "--identities", "50", "--resamples", "500"]
    code, out, _ = run("eval", *arguments, "--json")
    assert code == 0
    assert asked[0][1] == {"rows": 20_000, "identities": 50, "resamples": 500}
    assert json.loads(out)["peak_mb"] == 700
    rows = cells(run("eval")[1])
    assert ["s, eval of 20,000 rows", "1.5"] in rows
    assert ["MB, peak of this process", "700"] in rows
