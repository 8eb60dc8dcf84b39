"""Numbers about prepared datasets, as people read them."""

import json
from collections.abc import Iterator, Sequence
from typing import Any


def line(found: dict[str, Any]) -> list[Any]:
    """The line of a dataset in the list of all."""
    store = "damaged" if found["damage"] else f"{found['store']}, {found['codec']}"
    counts = [found[name] for name in ("name", "dataset", "rows", "kept", "identities")]
    return [*counts, store, in_bytes(found["size"])]


def facts(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The lines of `show`, as names and values."""
    counts, identities, images = found["counts"] or {}, found["identities"], found["images"]
    yield "dataset", found["dataset"]
    yield "found", counts.get("found")
    yield "kept", counts.get("kept")
    for reason, number in (counts.get("dropped") or {}).items():
        yield f"dropped: {reason}", number
    sizes = "{smallest:,} to {largest:,} samples, median {median:,}".format(**identities)
    yield "identities", f"{identities['number']:,}: {sizes}"
    for label, values in found["labels"].items():
        if values["mean"] is not None:
            missing = f", {values['missing']:,} missing" if values["missing"] else ""
            yield label, "{min:.3f} to {max:.3f}, mean {mean:.3f}".format(**values) + missing
    side = images["shape"][1]
    yield "images", f"{images['store']}, {images['codec']}, {side} x {side} px, {in_bytes(images['size'])}"
    for table in ("options", "settings"):
        yield from _flat(found[table] or {}, table)
    yield (
        "versions",
        ", ".join(f"{package} {version}" for package, version in (found["versions"] or {}).items()),
    )
    yield "manifest sha256", found["manifest_sha256"]


def _flat(values: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """Nested values with dotted names, as JSON writes them."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{where}.{name}")
        else:
            yield f"{where}.{name}", json.dumps(value)


def in_bytes(number: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def ends(low: float | None, high: float | None) -> str | None:
    """An interval as tables have it."""
    if low is None or high is None:
        return None
    low, high = (round(end, 3) + 0.0 for end in (low, high))  # + 0.0: no "-0.000"
    return f"{low:.3f} to {high:.3f}"


def within(interval: Sequence[float] | None) -> str | None:
    """The same of an interval as files have it, None where there is none."""
    return None if interval is None else ends(*interval)
