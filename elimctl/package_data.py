"""Files of the package: recipes, dataset cards, the column dictionary."""

from pathlib import Path


def folder(name: str) -> Path:
    """Folder `pipelines` or `data_manifest` in the installed package, or at the top of a checkout."""
    package = Path(__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name
