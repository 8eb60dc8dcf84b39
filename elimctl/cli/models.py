"""`elimctl models`."""

from elimctl.cli import console, options

COLUMNS = ("backbone", "trunk", "neck", "projector", "total", "as the paper counts")


def models(as_json: options.Json = False) -> None:
    """List the backbones and their parameters."""
    from dataclasses import asdict

    from elimctl.backbones.counts import summaries

    rows = [asdict(summary) for summary in summaries()]
    if as_json:
        console.show_json(rows)
        return
    console.show_table(COLUMNS, [tuple(row.values()) for row in rows], title="Backbones")
    console.say("for other networks of timm, use --backbone timm/NAME")
