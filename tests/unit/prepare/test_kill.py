import random
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kill_prepare.py")


@pytest.mark.parametrize(
    ("stride", "moments", "kills"),
    [
        pytest.param(29, 3, 8, id="some steps"),
        pytest.param(1, 25, 200, id="every step", marks=pytest.mark.slow),
    ],
)
def test_a_killed_preparation_completes_to_the_same_bytes(
    raw: Path, tmp_path: Path, stride: int, moments: int, kills: int
) -> None:
    seed = random.randrange(2**32)  # other steps and moments each time; the seed is in the message
    command = [sys.executable, SCRIPT, raw, tmp_path, str(stride), str(seed), str(moments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    assert int(done.stdout) >= kills
