"""`elimctl bench`."""

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from typer import Option

from elimctl.cli import console, options
from elimctl.cli.help_texts import ListedHelp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Found = TypeVar("Found")
Device = Annotated[str, Option(help="auto, cpu, cuda or cuda:N.")]

app = typer.Typer(help="Measure speed and memory.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def prepare(
    frames: Annotated[int, Option(min=12, help="Number of frames for the detector.")] = 1200,
    crops: Annotated[int, Option(min=12, help="Number of annotated crops.")] = 6000,
    workers: Annotated[int, Option(min=0, help="Number of processes; 0: one per core.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Measure `prepare` against its detector alone.

    Takes minutes.
    """
    from dataclasses import asdict

    from elimctl.bench import prepare as measuring
    from elimctl.prepare import executors

    count = workers or executors.cores()
    found = _last(lambda scratch: measuring.measure(scratch, frames=frames, crops=crops, workers=count))
    if as_json:
        rates = {name: value for name, value in asdict(found).items() if name != "workers"}
        console.show_json({"workers": found.workers, "images_per_second": rates, "share": found.share})
        return
    rows = [
        ("prepare, real detector", found.prepare),
        ("the detector alone", found.detector),
        ("prepare, annotated crops, one process", found.annotated),
    ]
    console.show_table(
        (f"{found.workers} processes", "images/s"), [(name, f"{rate:.0f}") for name, rate in rows]
    )
    console.say(f"prepare has {found.share:.0%} of the detector's own speed")


@app.command()
def memory(
    rows: Annotated[int, Option(min=50_000, help="Number of rows of the larger dataset.")] = 200_000,
    workers: Annotated[int, Option(min=2, help="Processes.")] = 2,
    as_json: options.Json = False,
) -> None:
    """Measure the memory of `prepare`, per row and worker.

    Takes minutes.
    """
    from dataclasses import asdict

    from elimctl.bench import memory as measuring

    found = _last(lambda scratch: measuring.measure(scratch, rows=rows, workers=workers))
    if as_json:
        console.show_json(asdict(found))
        return
    console.show_table(
        ("prepare", f"{found.rows:,} rows"),
        [
            ("bytes a row, coordinator", f"{found.bytes_per_row:.0f}"),
            ("MB, coordinator", f"{found.coordinator_mb:.0f}"),
            ("MB, largest worker", f"{found.worker_mb:.0f}"),
            ("rows/s", f"{found.rows / found.seconds:.0f}"),
        ],
    )


@app.command()
def loader(
    images: Annotated[int, Option(min=1, help="Number of images of 256 px.")] = 4000,
    batch_size: Annotated[int, Option(min=1, help="Images per batch.")] = 256,
    as_json: options.Json = False,
) -> None:
    """Measure batches against the public pipeline and a limit.

    Takes minutes.
    """
    from dataclasses import asdict

    from elimctl.bench import loader as measuring

    found = _last(lambda scratch: measuring.measure(scratch, images=images, batch_size=batch_size))
    rates = asdict(found)
    if as_json:
        console.show_json({"images_per_second": rates, "ratios": found.ratios})
        return
    console.show_table(
        ("one thread", "images/s of its time"), [(name, f"{rate:.0f}") for name, rate in rates.items()]
    )
    console.show_table(("ratio", ""), [(name, f"{ratio:.2f}") for name, ratio in found.ratios.items()])


@app.command()
def transport(
    rounds: Annotated[int, Option(min=1, help="Number of rounds; the fastest counts.")] = 50,
    device: Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Measure matching against loops and other solvers.

    One thread.
    """
    from dataclasses import asdict

    from elimctl.bench import transport as measuring
    from elimctl.train import hardware
    from elimctl.train.hardware import device_name

    chosen = hardware.device(device)
    cases = _last(lambda _: measuring.measure(chosen, rounds=rounds))
    if as_json:
        console.show_json({"device": device_name(chosen), "cases": [asdict(case) for case in cases]})
        return
    for case in cases:
        seconds = case.seconds | {
            f"ours, backward, {how}": taken for how, taken in case.backward_seconds.items()
        }
        console.show_table(
            ("", "ms", "times ours"),
            [
                (name, f"{1e3 * taken:.2f}", f"{taken / case.ours:.1f}")
                for name, taken in seconds.items()
                if taken is not None
            ],
            title=f"{case.identities} identities, {case.samples} samples, {case.dim} features",
        )


@app.command(cls=ListedHelp)
def train(
    backbone: Annotated[str, Option(help="Network: {backbones}; timm/NAME for any network of timm.")] = "r18",
    batch_size: Annotated[
        int | None, Option(min=2, help="Images per batch [default: 256 on CUDA, 32 on the CPU].")
    ] = None,
    steps: Annotated[
        int | None, Option(min=1, help="Steps per round [default: 50 on CUDA, 2 on the CPU].")
    ] = None,
    device: Device = "auto",
    precision: Annotated[str | None, Option(help="auto, float32, bf16 or fp16 [default: auto].")] = None,
    compiled: Annotated[
        bool | None, Option("--compile/--no-compile", help="Compile the network [default: as in training].")
    ] = None,
    sets: options.Sets = None,
    as_json: options.Json = False,
) -> None:
    """Measure training steps, their input and the matching.

    Takes minutes.
    """
    from elimctl import recipe as recipes
    from elimctl.bench import train as measuring

    values = {
        "model": {"name": backbone},
        "train": {
            "batch_size": batch_size,
            "device": device,
            "precision": precision,
            "compile": compiled,
        },
    }
    config = recipes.run_config(recipes.read(None, values, sets=sets))
    found = _last(lambda scratch: measuring.measure(scratch, config, steps=steps))
    images = {"store": found.store, "repeated": found.repeated}
    made = {"elim": found.elim, "erm": found.erm}
    if as_json:
        console.show_json(
            {
                "device": found.device,
                "images_per_second": images,
                "steps_per_second": made,
                "ratios": found.ratios,
                "matching_share": found.matching_share,
                "settings": found.settings,
            }
        )
        return
    console.show_table(
        (found.device, ""),
        [
            ("images/s, batches from a store", f"{found.store:.1f}"),
            ("images/s, one batch repeated", f"{found.repeated:.1f}"),
            ("steps/s, elim", f"{found.elim:.3g}"),
            ("steps/s, erm", f"{found.erm:.3g}"),
            *((name.replace("_", " "), f"{ratio:.3f}") for name, ratio in found.ratios.items()),
            ("matching alone, share of a step", f"{found.matching_share:.4f}"),
        ],
    )


@app.command("eval")
def evaluate(
    rows: Annotated[int, Option(min=10_000, help="Number of rows.")] = 1_000_000,
    identities: Annotated[int, Option(min=5, help="Number of identities.")] = 500,
    resamples: Annotated[int, Option(min=100, help="Number of resamples.")] = 10_000,
    as_json: options.Json = False,
) -> None:
    """Measure scores and intervals of many predictions."""
    from dataclasses import asdict

    from elimctl.bench import evaluate as measuring

    found = _last(
        lambda scratch: measuring.measure(scratch, rows=rows, identities=identities, resamples=resamples)
    )
    if as_json:
        console.show_json(asdict(found))
        return
    console.show_table(
        (f"{found.identities:,} identities, {found.resamples:,} resamples", ""),
        [
            (f"s, eval of {found.rows:,} rows", f"{found.eval_seconds:.1f}"),
            ("MB, peak of this process", f"{found.peak_mb:.0f}"),
            (f"s, intervals of {found.interval_rows:,} rows", f"{found.interval_seconds:.1f}"),
            ("s, the same, an identity each", f"{found.lone_seconds:.1f}"),
        ],
    )


def _last(measure: "Callable[[Path], Iterator[str | Found]]") -> "Found":
    """Run a measurement in a temporary folder, print its steps, return its result."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as scratch:
        for step in measure(Path(scratch)):
            if not isinstance(step, str):
                return step
            console.say(step)
    raise AssertionError("a measurement ends with what it measured")
