"""Files that travel with the package: recipes, dataset cards, the column dictionary."""

from pathlib import Path


def folder(name: str) -> Path:
    """A folder of packaged files.

    Args:
        name: `pipelines` or `data_manifest`.

    Returns:
        The folder inside the installed package, or the one at the top of a checkout.
    """
    package = Path(__file__).parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name
