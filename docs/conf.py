"""The documentation site: `make docs` builds it into docs/_build/html, and fails on any warning."""

import os
import sys
from importlib.metadata import version as installed
from pathlib import Path

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # else it looks for a newer one when it is imported
sys.path.insert(0, str(Path(__file__).parent))

project = "elimctl"
author = "The elimctl developers"
copyright = author  # noqa: A001  (Sphinx's name)
version = release = installed("elimctl")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "reference_pages",
]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "elimctl"
html_static_path: list[str] = []
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
nitpicky = False
