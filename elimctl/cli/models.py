"""`elimctl models`."""

from elimctl.cli import console, options

COLUMNS = ("backbone", "trunk", "neck", "projector", "total", "as the paper counts")


def models(as_json: options.Json = False) -> None:
    """List the backbones and their parameters."""
    from dataclasses import asdict

    from elimctl.backbones.counts import summaries

    found = summaries()
    if as_json:
        console.show_json([asdict(summary) for summary in found])
        return
    console.show_table(COLUMNS, [tuple(asdict(summary).values()) for summary in found], title="Backbones")
    console.say("any other network of timm: --backbone timm/NAME")
