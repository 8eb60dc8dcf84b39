import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_prepare.py")
SEED = 0  # of the steps and moments of the kills


@pytest.mark.parametrize(
    ("stride", "moments", "kills"),
    [
        pytest.param(61, 1, 4, id="some steps"),
        pytest.param(1, 25, 200, id="every step", marks=pytest.mark.slow),
    ],
)
def test_a_killed_preparation_completes_to_the_same_bytes(
    raw: Path, tmp_path: Path, stride: int, moments: int, kills: int
) -> None:
    command = [sys.executable, SCRIPT, raw, tmp_path, str(stride), str(SEED), str(moments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= kills
