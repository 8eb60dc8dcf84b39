import subprocess
import sys
from inspect import getdoc

import pytest

import elimctl


@pytest.mark.parametrize("name", sorted(elimctl._API))
def test_every_name_of_the_python_api_can_be_loaded_and_is_documented(name):
    assert name in dir(elimctl)
    assert getdoc(getattr(elimctl, name))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(AttributeError, match=r"no attribute 'sinkhorns'; it has .*sinkhorn"):
        _ = elimctl.sinkhorns


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, elimctl; print(sorted({'torch', 'numpy', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
