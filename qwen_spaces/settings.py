"""The keyword arguments of `QwenSpace`, and of a Space without options, for type checkers alone."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import TypedDict

from .timeouts import Timeouts


class Settings(TypedDict, total=False):
    """The keyword arguments of `QwenSpace`, for type checkers."""

    src: str | None
    token: str | bool | None
    proxy: str | None
    headers: Mapping[str, str] | None
    auth: tuple[str, str] | None
    ssl_verify: bool | ssl.SSLContext
    timeouts: Timeouts | float
    retries: int


class NoOptions(TypedDict):
    """The options of a Space that has none, for type checkers."""
