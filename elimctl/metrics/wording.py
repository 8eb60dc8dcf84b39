"""Sentences about analyses, the same on the terminal and on the report page."""

from elimctl.config import Values

# Rows of the table of identity invariance: keys in `invariance.json`, and words; `across` is filled in.
INVARIANCE = {
    ("features", "probe"): "linear probe for the identity, across {across}",
    ("purity",): "nearest neighbours with the same identity",
    ("features", "neighbours"): "neighbours with the same identity and another expression",
}


def invariance_rows(record: Values) -> list[tuple[str, float, float]]:
    """Words, value and chance level of each measure of identity invariance; lower is better.

    Args:
        record: the result of `invariance.measure_table` as values.
    """
    rows = []
    for (*parents, key), words in INVARIANCE.items():
        table = record[parents[0]] if parents else record
        rows.append((words.format(across=record["across"]), table[key], table[f"{key}_chance"]))
    return rows


def gap_sentence(score: str, gap: Values | None, *, compared: int, interval: str | None, empty: bool) -> str:
    """One sentence about the widest gap between slices.

    Args:
        score: title of the score.
        gap: `gap`, `smallest` and `largest`; None if there is none.
        compared: number of slices that were compared.
        interval: the 95 % interval as text; None if there is none.
        empty: whether no sample has a value of the column.
    """
    if gap is None:
        reason = (
            "no sample has a value"
            if empty
            else "fewer than two slices have enough samples and labels that vary"
        )
        return f"No gap: {reason}."
    sure = f"95 % interval {interval}, adjusted for the choice of slices" if interval else "no interval"
    return (
        f'Widest gap of {score}: {gap["gap"]:.3f} ({sure}). Lowest: "{gap["smallest"]}", highest: '
        f'"{gap["largest"]}", of {compared:,} slices compared.'
    )
