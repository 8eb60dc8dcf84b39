"""The columns of a manifest, declared once in `data_manifest/columns.toml`."""

from functools import cache
from typing import Literal

import pyarrow as pa

from elimctl import package_data
from elimctl.config import Config, read_toml, validate

TYPES = {
    "int8": pa.int8(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float": pa.float32(),
    "list<float>": pa.list_(pa.float32()),
    "string": pa.string(),
}


class Column(Config):
    """Declaration of one column; `columns.toml` explains the fields."""

    type: Literal["int8", "int32", "int64", "float", "list<float>", "string"]
    nullable: bool
    meaning: str
    unit: str | None = None
    range: tuple[float, float] | None = None
    values: tuple[str, ...] | None = None


@cache
def columns() -> dict[str, Column]:
    """Declarations of all columns by name, in the order of the file."""
    file = package_data.folder("data_manifest") / "columns.toml"
    return {
        name: validate(Column, values, where=f"{file.name}: {name}")
        for name, values in read_toml(file).items()
    }


@cache
def schema() -> pa.Schema:
    """Arrow schema of a manifest."""
    return pa.schema(
        pa.field(name, TYPES[column.type], nullable=column.nullable) for name, column in columns().items()
    )
