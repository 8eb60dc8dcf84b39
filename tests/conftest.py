"""Settings of all tests."""

import os

from hypothesis import settings

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it would ask the package index at import
settings.register_profile(
    "elimctl",
    deadline=None,  # the machines are shared: time is not a law
    derandomize="CI" in os.environ,  # what lands is judged by the same examples each time
)
settings.load_profile("elimctl")
