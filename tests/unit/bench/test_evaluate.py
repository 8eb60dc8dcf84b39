from elimctl.bench.evaluate import Measured, measure


def test_every_part_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr("elimctl.bench.evaluate.INTERVAL_ROWS", 1000)
    *steps, found = measure(tmp_path, rows=2000, identities=20, resamples=100)
    assert all(isinstance(step, str) for step in steps)
    assert isinstance(found, Measured)
    assert (tmp_path / "val.parquet").exists()
    assert min(found.eval_seconds, found.interval_seconds, found.lone_seconds) > 0
    assert found.peak_mb > 50  # Python and NumPy alone take as much
