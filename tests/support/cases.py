"""Many cases of one test, where a test for each would cost more than what it checks."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def case(*values: object) -> Iterator[None]:
    """Name the case in which a test fails."""
    try:
        yield
    except (Exception, pytest.fail.Exception) as error:
        raise AssertionError(f"in the case {', '.join(map(reprlib.repr, values))}: {error}") from error
