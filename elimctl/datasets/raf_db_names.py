"""Meaning of the numbers in the files of RAF-DB (readme, version 1.1)."""

EXPRESSIONS = {
    1: "surprise",
    2: "fear",
    3: "disgust",
    4: "happiness",
    5: "sadness",
    6: "anger",
    7: "neutral",
}
GENDERS = {0: "male", 1: "female", 2: "unsure"}
RACES = {0: "Caucasian", 1: "African-American", 2: "Asian"}
AGE_GROUPS = {0: "0-3", 1: "4-19", 2: "20-39", 3: "40-69", 4: "70+"}
# There is no third part, and papers validate on `test`.
SPLITS = {"train": "train", "test": "val"}


def stem(part: str, number: int) -> str:
    """Name of a sample as shipped: `train` has five digits, `test` four."""
    return f"{part}_{number:0{5 if part == 'train' else 4}d}"
