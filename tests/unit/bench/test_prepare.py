"""That the measurement runs and adds up; what it finds is for `elimctl bench`, not for tests."""

from pathlib import Path

import pytest

from elimctl.bench.prepare import Rates, measure


def test_the_share_is_of_the_detectors_own_speed() -> None:
    assert Rates(workers=2, prepare=45.0, detector=50.0, annotated=400.0).share == 0.9


@pytest.mark.slow
def test_a_measurement_says_what_it_does_and_ends_with_rates(tmp_path: Path) -> None:
    *steps, found = measure(tmp_path, frames=24, crops=24, workers=2)
    assert all(isinstance(step, str) for step in steps)
    assert isinstance(found, Rates)
    assert min(found.prepare, found.detector, found.annotated) > 0
