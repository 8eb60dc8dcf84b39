"""Guess whether folders name people, parts, splits or classes."""

import re
from collections.abc import Collection

from elimctl.datasets.folder_record import EXPRESSION_WORDS, SPLITS

# Other names of expression classes; two letters as in JAFFE, KDEF and RaFD.
CLASS_WORDS = {
    *EXPRESSION_WORDS,
    *("neutrality", "joyful", "surprising", "contemptuous", "calm", "natural", "positive", "negative"),
    *("other", "others", "unknown"),
    *("an", "di", "ha", "ne", "sa", "su", "fe", "af", "co"),
    *("hap", "neu", "ang", "dis", "fea", "sur", "con"),
}
SPLIT_WORDS = {*SPLITS, *("eval", "evaluation", "holdout", "unlabeled", "unlabelled")}
PART = re.compile(
    r"(images?|imgs?|img|pics?|photos?|pictures?|faces?|crops?|parts?|batch(es)?|chunks?|shards?|folds?|sets?"
    r"|splits?|vol(umes?)?|blocks?|buckets?|dir|folders?|data|archives?|sections?|zip)\d*"
)
NUMBER = re.compile(r"\d+")
SHARE = 0.5  # fraction of names that must be such words
LISTED = 4  # maximum number of names in a message


def level_kind(names: Collection[str]) -> str | None:
    """Classify the names of the folders at one level.

    Args:
        names: names of all folders of the level, each once.

    Returns:
        `splits`, `classes`, `parts`, `numbers` if all are numbers, or None if they may name people.
    """
    plain = [re.sub(r"[\s_.-]+", "", re.sub(r"^\d+[\s_.-]+", "", name.lower())) for name in names]
    found = [word for word in map(_kind, plain) if word]
    if found and len(found) >= SHARE * len(names):
        return max(sorted(set(found)), key=found.count)
    return "numbers" if all(NUMBER.fullmatch(name) for name in names) else None


def _kind(word: str) -> str | None:
    if word in CLASS_WORDS:
        return "classes"
    if word in SPLIT_WORDS or word.removesuffix("set") in SPLIT_WORDS:
        return "splits"
    return "parts" if PART.fullmatch(word) else None


def listed(names: Collection[str]) -> str:
    """Some of the names, for a message."""
    some = sorted(names)[:LISTED]
    return ", ".join(some) + ", ..." * (len(names) > LISTED)
