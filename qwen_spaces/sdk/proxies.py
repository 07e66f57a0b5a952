"""Which proxy a request goes through: the ``proxy=`` of the user, or that of the environment."""

from __future__ import annotations

import os
import ssl
import urllib.parse
import urllib.request

import httpx

from ..errors import ConnectError, MissingExtraError, QwenSpacesError

_SOCKS = ("socks5", "socks5h")


def check_proxies(proxy: str | None, verify: ssl.SSLContext) -> None:
    """Raise an error that names the variable of the environment which httpx cannot use.

    Args:
        proxy: the user's own, in place of the environment's.
        verify: for TLS.

    Raises:
        ConnectError: it has no form of an address.
        MissingExtraError: it is a SOCKS proxy, for which a package is needed.
    """
    try:
        httpx.Client(proxy=proxy, verify=verify).close()
    except (httpx.InvalidURL, ValueError, ImportError) as error:
        # Without its cause, which may quote the password.
        raise _unusable(proxy, verify, error) from None


def proxy_in_use(url: str, proxy: str | None) -> str | None:
    """Return the proxy through which `url` is asked and where it was set, without user and password."""
    parts = urllib.parse.urlsplit(url)
    if proxy:
        return f"{_shown(proxy)} (proxy=)"
    given = urllib.request.getproxies()
    scheme = parts.scheme if given.get(parts.scheme) else "all"
    if not given.get(scheme) or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    return f"{_shown(given[scheme])} ({_variable(scheme)})"


def _unusable(proxy: str | None, verify: ssl.SSLContext, error: Exception) -> QwenSpacesError:
    """Name the setting that httpx stumbles over."""
    given = {"proxy=": proxy} if proxy else _of_environment()
    for name, address in given.items():
        try:
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


def _of_environment() -> dict[str, str]:
    """The proxies of the environment by the names of their variables, as httpx reads them."""
    given = urllib.request.getproxies()
    found = {_variable(scheme): given[scheme] for scheme in ("http", "https", "all") if given.get(scheme)}
    return {name: address if "://" in address else f"http://{address}" for name, address in found.items()}


def _variable(scheme: str) -> str:
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper())
    return next((name for name in names if os.environ.get(name)), f"the system's {scheme} proxy")


def _shown(proxy: str) -> str:
    url = httpx.URL(proxy if "://" in proxy else f"http://{proxy}")
    return str(url.copy_with(userinfo=b"", path="/", query=None, fragment=None)).rstrip("/")
