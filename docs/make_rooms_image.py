"""Draw docs/images/rooms.svg, the picture of the architecture page: `python docs/make_rooms_image.py`.

A line is an import between two rooms; the upper room imports the lower one. A line that follows from others
(a imports b, b imports c) is left out. Rooms that every other room may import stand in the bar at the bottom.
"""

import tomllib
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from statistics import mean

import grimp

ROOT = Path(__file__).parents[1]
IMAGE = ROOT / "docs" / "images" / "rooms.svg"
WIDTH, ROW, COLUMN, BOX, TOP = 660, 58, 112, (92, 28), 12  # px
SWEEPS = 20  # that order the rooms of a row by their neighbours

Rooms = dict[str, set[str]]
Place = tuple[int, str]  # row and name; a line that passes a row has a place of its own in it


def base_rooms() -> list[str]:
    """Rooms of the lowest layers of the import-linter contract, from the one with `config` on."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(entry["layers"] for entry in contracts if entry["type"] == "layers")
    rooms = [[room.strip() for room in layer.split("|")] for layer in layers]
    first = next(number for number, layer in enumerate(rooms) if "config" in layer)
    return [room for layer in rooms[first:] for room in layer]


def imports() -> Rooms:
    """Rooms that each room imports, without those that follow from others, and without the base rooms."""
    graph = grimp.build_graph("elimctl")
    left_out = {"elimctl", "__main__", *base_rooms()}
    below: Rooms = defaultdict(set)
    for module in graph.modules - {"elimctl"}:
        room = module.split(".")[1]
        for imported in graph.find_modules_directly_imported_by(module) - {"elimctl"}:
            other = imported.split(".")[1]
            if room != other and not {room, other} & left_out:
                below[room].add(other)
                below[other] |= set()
    return {
        room: {one for one in rooms if not any(one in _reached(below, other) for other in rooms)}
        for room, rooms in sorted(below.items())
    }


def _reached(below: Rooms, room: str) -> set[str]:
    return below[room].union(*(_reached(below, one) for one in below[room]))


def layout(below: Rooms) -> tuple[dict[Place, float], list[tuple[Place, Place]]]:
    """Where each room stands, in columns from the middle, and the lines from row to row."""
    height: dict[str, int] = {}
    for room in sorted(below, key=lambda room: len(_reached(below, room))):
        height[room] = max((height[one] + 1 for one in below[room]), default=0)
    highest = max(height.values())
    row = {room: highest - height[room] for room in below}
    lines = []
    for room, rooms in below.items():
        for one in sorted(rooms):
            name = f"{room} to {one}"
            stops = [(row[room], room), *((n, name) for n in range(row[room] + 1, row[one])), (row[one], one)]
            lines += pairwise(stops)
    rows: dict[int, list[Place]] = defaultdict(list)
    for place in sorted({place for line in lines for place in line}):
        rows[place[0]].append(place)
    x = {place: n - (len(places) - 1) / 2 for places in rows.values() for n, place in enumerate(places)}
    for sweep in range(SWEEPS):
        for number in sorted(rows, reverse=bool(sweep % 2)):
            near = {
                place: mean([x[b if a == place else a] for a, b in lines if place in (a, b)])
                for place in rows[number]
            }
            for n, place in enumerate(sorted(rows[number], key=lambda place: (near[place], place))):
                x[place] = n - (len(near) - 1) / 2
    return x, lines


def draw() -> str:
    """The picture as SVG text; the same import graph gives the same text."""
    columns, lines = layout(imports())
    bottom = TOP + (max(row for row, _ in columns) + 1) * ROW
    height = bottom + BOX[1] + TOP
    place = {key: (WIDTH / 2 + column * COLUMN, TOP + key[0] * ROW) for key, column in columns.items()}
    rooms = {key for key in place if " to " not in key[1]}
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        "<title>Rooms of elimctl and the imports between them</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for upper, lower in lines:
        (x, y), (u, v) = place[upper], place[lower]
        y += BOX[1]  # a line that passes a row goes straight down beside its boxes
        bend = (v - y) / 2
        svg.append(
            f'<path d="M{x:g} {y:g} C{x:g} {y + bend:g} {u:g} {v - bend:g} {u:g} {v:g} '
            f'V{v + BOX[1]:g}" fill="none" stroke="#8a97a6" stroke-width="1.3"/>'
        )
    svg += [_box(*place[key], BOX[0], key[1]) for key in sorted(rooms)]
    svg.append(_box(WIDTH / 2, bottom, WIDTH - 2 * TOP, " \N{MIDDLE DOT} ".join(base_rooms())))
    return "\n".join([*svg, "</svg>", ""])


def _box(middle: float, top: float, width: float, text: str) -> str:
    return (
        f'<rect x="{middle - width / 2:g}" y="{top:g}" width="{width:g}" height="{BOX[1]}" rx="5" '
        'fill="#e8eff7" stroke="#35587c"/>'
        f'<text x="{middle:g}" y="{top + 19:g}" text-anchor="middle" fill="#16283a">{text}</text>'
    )


if __name__ == "__main__":
    IMAGE.write_text(draw(), encoding="utf-8")
