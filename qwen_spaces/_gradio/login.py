"""Recognise apps that need a user who is signed in with Hugging Face. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..errors import AuthenticationError

# Gradio's own text is "This action requires a logged in user. Please sign in and retry." (4.44 to 6.31, for a
# `gr.OAuthToken` or `gr.OAuthProfile` that is not optional); apps have their own.
_NEEDS_LOGIN = re.compile(
    r"\b(please|must|needs?|requires?|required|have to)\b.{0,40}\b(log|sign)(ged|ed)?[ -]?in\b"
    r"|\b(log|sign)[ -]?in (is )?(required|needed)\b",
    re.IGNORECASE | re.DOTALL,
)
# A user's token or profile that is `None`, in an app that shows its errors.
_NO_USER = re.compile(r"'NoneType' object has no attribute '(token|username|name|profile)'")
_LOGIN_PAGE = "/login/huggingface"  # in the JavaScript of a `gr.LoginButton` (5.49 and 6.31)


def needs_login(message: str, *, offered: bool = False) -> bool:
    """Return whether an app's error asks for a user who is signed in; `offered` is from `offers_login`.

    Example:
        >>> needs_login("You must be logged in."), needs_login("The login failed.")
        (True, False)
    """
    return bool(_NEEDS_LOGIN.search(message) or (offered and _NO_USER.search(message)))


def offers_login(config: Mapping[str, Any], endpoint: Mapping[str, Any]) -> bool:
    """Return whether an app has a `gr.LoginButton`, or its endpoint takes the user's token.

    `endpoint` is from the API info, where Gradio 6 says so: ``"oauth_token": "required"`` or ``"optional"``.
    """
    scripts = (dependency.get("js") for dependency in config.get("dependencies", ()))
    return bool(endpoint.get("oauth_token")) or any(_LOGIN_PAGE in str(script) for script in scripts)


def login_error(space: str, reason: str) -> AuthenticationError:
    """Return the error of an app that fails for the want of a login; `reason` is a sentence."""
    return AuthenticationError(
        f"{space} needs a user who is signed in with Hugging Face on its page, and no token= signs a program "
        f"in there. {reason} Use it in a browser, duplicate it and take the login out, or choose another "
        "Space."
    )
