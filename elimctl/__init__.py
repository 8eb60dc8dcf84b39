"""Identity-invariant valence and arousal, from raw faces to an exported model.

The names below are the Python API. Each is loaded at its first use, so that `import elimctl` stays fast.
"""

from importlib import import_module
from typing import Any

_API = {
    "Run": "elimctl.train.run:Run",
    "Workspace": "elimctl.workspace:Workspace",
    "identity_shift": "elimctl.transport.shift:identity_shift",
    "load_model": "elimctl.train.run:load_model",
    "open_dataset": "elimctl.loader.dataset:open_dataset",
    "open_images": "elimctl.store.images:open_images",
    "read_manifest": "elimctl.manifest.parquet:read",
    "read_predictions": "elimctl.predict.table:read",
    "sinkhorn": "elimctl.transport.sinkhorn:sinkhorn",
}


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}; it has {', '.join(sorted(_API))}"
        )
    module, _, attribute = _API[name].partition(":")
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
