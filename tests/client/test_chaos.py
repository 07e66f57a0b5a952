"""A network that breaks at random: some of the requests of `chaos_run`, which makes 300."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ..support.modes import PATIENCE
from ..support.servers import ROOT

pytestmark = pytest.mark.slow
REQUESTS = 30
LONG = 8 * PATIENCE  # seconds for a slow machine


def test_through_a_network_that_breaks_each_request_ends_well_or_in_one_error_and_nothing_stays() -> None:
    arguments = ["--requests", str(REQUESTS), "--harm", "0.25", "--seed", "7", "--workers", "16"]
    command = [sys.executable, "-W", "error", "-m", "tests.tools.chaos_run", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONG)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
