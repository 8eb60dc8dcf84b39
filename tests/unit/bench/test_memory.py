"""That the measurement runs; what it finds is for `elimctl bench`, not for tests."""

from pathlib import Path

import pytest

from elimctl.bench import memory
from elimctl.errors import ConfigError


@pytest.mark.slow
def test_a_measurement_says_what_it_does_and_ends_with_peaks(tmp_path: Path) -> None:
    *steps, found = memory.measure(tmp_path, rows=2400, workers=2)
    assert all(isinstance(step, str) for step in steps)
    assert isinstance(found, memory.Memory)
    # Python with numpy alone takes 30 MB; whoever reads the wrong process finds less
    assert found.coordinator_mb > 50
    assert found.worker_mb > 50


def test_a_preparation_that_fails_is_no_measurement(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ended with 1"):
        memory._prepare(tmp_path / "nothing", tmp_path / "workspace", workers=2)
