"""Samples of a manifest by what they have in common, and where they are, for messages."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Int, Int64

FIRST_ROWS = 5  # rows that an error message names


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Samples by group.

    Args:
        code: group of each sample, 0 to the number of groups - 1.
        names: of the groups, sorted; clips of two identities may have the same.
    """

    code: Int64[np.ndarray, " n"]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)


def at_rows(rows: Int[np.ndarray, " n"]) -> str:
    """Where something is wrong, for a message: the first of some rows of a manifest."""
    first = ", ".join(str(row) for row in rows[:FIRST_ROWS])
    return f"at manifest rows {first}" + (", ..." if len(rows) > FIRST_ROWS else "")


def grouped(column: pa.ChunkedArray) -> Groups:
    """Samples by their text in a column, which is made Python's own for each name, not for each sample.

    Args:
        column: of text, none of it missing, or of such text as a dictionary.
    """
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    whole = encoded.unify_dictionaries().combine_chunks()
    names, order = np.unique(whole.dictionary.to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    return Groups(order[whole.indices.to_numpy()].astype(np.int64), tuple(names.tolist()))
