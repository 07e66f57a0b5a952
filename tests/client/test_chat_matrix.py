"""Any Gradio chat: what holds at each app of `tests.chats`, as `python -m tests.chat_matrix` shows it."""

from __future__ import annotations

import pytest

from ..chat_matrix.checks import checks_of
from ..chat_matrix.rows import find_row
from ..chats import APPS, KINDS
from ..support.servers import Servers

# One of each kind every day; all of them in CI.
DAILY = (
    "user_bot",
    "think_tags",
    "odd_names",
    "empty_media",
    "tabs_of_interfaces",
    "interface",
    "files_first",
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in DAILY else pytest.mark.slow) for name in APPS]
)
def test_all_holds_that_is_expected_of_the_app(name: str, servers: Servers) -> None:
    app, gradio = APPS[name], int(servers.gradio.partition(".")[0])
    if gradio not in app.versions:
        pytest.skip(f"Gradio {gradio} has no such app")
    row = find_row(app, servers)
    assert not row.fails, row.line()
    assert set(row.cells) == set(checks_of(app.expected))


def test_there_are_three_apps_of_each_kind_and_more() -> None:
    kinds = [app.kind for app in APPS.values()]
    assert len(kinds) >= 28
    assert all(kinds.count(kind) >= 3 for kind in range(1, 8))
    assert {8, 9} <= set(kinds) <= set(KINDS)
