"""Apps with a login of Hugging Face: the error says what they want, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from qwen_spaces import AuthenticationError, QwenSpace
from qwen_spaces._gradio.login import needs_login, offers_login

from ..support.modes import failure
from ..support.servers import Servers


@pytest.mark.parametrize(
    ("app", "prompt", "reason"),
    [
        ("needs-login", "Hi", "It says: This action requires a logged in user. Please sign in and retry."),
        ("wants-login-quietly", "Hi", "So it seems: it failed, and hides the reason."),
        ("wants-login", "Hi", "It says: 'NoneType' object has no attribute 'token'."),
        ("wants-login", "Hi [[candid]]", "It says: Please log in to Hugging Face first."),
    ],
    ids=["required", "hidden", "Python's words", "its own words"],
)
def test_an_app_that_needs_a_login_says_so(
    app: str, prompt: str, reason: str, mode: str, servers: Servers
) -> None:
    with QwenSpace(servers[app]) as space:
        error = failure(mode, space.stream(prompt))
    assert type(error) is AuthenticationError
    assert str(error) == (
        f"{servers[app]} needs a user who is signed in with Hugging Face on its page, and no token= signs a "
        f"program in there. {reason} Use it in a browser, duplicate it and take the login out, or choose "
        "another Space."
    )


@pytest.mark.parametrize(
    ("config", "endpoint", "offered"),
    [
        ({}, {}, False),
        ({"dependencies": [{"js": None}, {"js": True}, {}]}, {"oauth_token": None}, False),
        ({"dependencies": [{"js": "uri = '/login/huggingface?_target_url=/'"}]}, {}, True),
        ({}, {"oauth_token": "optional"}, True),
    ],
    ids=["nothing", "other scripts", "a button", "a token"],
)
def test_a_login_is_found_in_the_config_or_the_api(
    config: dict[str, Any], endpoint: dict[str, Any], offered: bool
) -> None:
    assert offers_login(config, endpoint) == offered


@pytest.mark.parametrize(
    ("message", "needed"),
    [
        ("'NoneType' object has no attribute 'token'", False),  # of an app without a login
        ("You must be signed in to use this app", True),
        ("LOGIN REQUIRED", True),
        ("Please sign-in\nwith your account", True),
        ("A login is needed", True),
        ("Please try again: the database did not log inserts", False),
        ("The login page is down", False),
        ("Please wait. " + "x" * 100 + " logged in", False),
    ],
)
def test_the_words_of_an_error_that_asks_for_a_login(message: str, needed: bool) -> None:
    assert needs_login(message) == needed
