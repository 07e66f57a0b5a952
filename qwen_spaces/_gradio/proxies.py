"""Find and check the proxy of a request: the user's ``proxy=``, or that of the environment."""

from __future__ import annotations

import os
import ssl
import urllib.parse
import urllib.request

import httpx

from ..errors import ConnectError, MissingExtraError, QwenSpacesError


def check_proxies(url: str, proxy: str | None, verify: ssl.SSLContext) -> None:
    """Raise an error that names the setting if the proxy for `url` cannot be used.

    Raises:
        ConnectError: it does not have the form of an address.
        MissingExtraError: it is a SOCKS proxy, which needs another package.
    """
    try:
        httpx.Client(proxy=proxy, verify=verify).close()
        if found := _find(url, proxy):
            _check_host(found[1])
    except (httpx.InvalidURL, ValueError, ImportError) as error:
        # Without the cause, which may quote the password.
        raise _unusable(proxy, verify, error) from None


def proxy_in_use(url: str, proxy: str | None) -> str | None:
    """Return the proxy used for `url` and where it was set, without user and password."""
    if not (found := _find(url, proxy)):
        return None
    try:
        shown = httpx.URL(found[1]).copy_with(userinfo=b"", path="/", query=None, fragment=None)
    except httpx.InvalidURL:  # changed since the check
        return f"of {found[0]}"
    return f"{str(shown).rstrip('/')} ({found[0]})"


def _find(url: str, proxy: str | None) -> tuple[str, str] | None:
    """Return the setting that applies to `url`, and the proxy's address in it."""
    if proxy:
        return "proxy=", proxy
    parts, found = urllib.parse.urlsplit(url), _environment_proxies()
    if not found or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return found.get(parts.scheme) or found.get("all")


def _environment_proxies() -> dict[str, tuple[str, str]]:
    """Return scheme -> (environment variable, address), as httpx reads them."""
    found = {scheme: address for scheme, address in urllib.request.getproxies().items() if address}
    return {
        scheme: (_variable(scheme), found[scheme] if "://" in found[scheme] else f"http://{found[scheme]}")
        for scheme in ("http", "https", "all")
        if scheme in found
    }


def _unusable(proxy: str | None, verify: ssl.SSLContext, error: Exception) -> QwenSpacesError:
    """Return the error that names the setting which httpx cannot use."""
    for name, address in [("proxy=", proxy)] if proxy else _environment_proxies().values():
        try:
            _check_host(address)
            httpx.Client(proxy=address, verify=verify, trust_env=False).close()
        except ImportError:
            return MissingExtraError(
                f"{name} names a SOCKS proxy, which needs: pip install 'httpx[socks]'. Or take an HTTP proxy."
            )
        except (httpx.InvalidURL, ValueError):
            return ConnectError(
                f"{name} is no address of a proxy. It is like http://127.0.0.1:3128, with user and password "
                "percent-encoded, or unset."
            )
    return ConnectError(
        f"{_variable('no')} has an entry that is no host: {type(error).__name__}. It is a list like "
        "localhost,127.0.0.1,::1,example.org, or unset."
    )


def _check_host(address: str) -> None:
    """Raise `ValueError` for a host or a port that no address can have; httpx would look them up."""
    parts = urllib.parse.urlsplit(address)
    if not parts.hostname or (parts.port is not None and parts.port < 1):
        raise ValueError("no host")


def _variable(scheme: str) -> str:
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    return next((name for name in names if os.environ.get(name)), f"the system's {scheme} proxy")
