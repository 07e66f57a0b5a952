"""The host names that a server answers to, so that no page reaches it by DNS rebinding."""

from __future__ import annotations

import ipaddress
import re
import socket

_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^\s\[\]:@/?#\\]+))(?::\d*)?", re.ASCII | re.IGNORECASE)


def hostname(authority: str) -> str:
    """Return the host of ``host:port``, in lower case; empty if it is malformed.

    >>> hostname("LocalHost:7860"), hostname("[::1]:7860"), hostname("a@b")
    ('localhost', '::1', '')
    """
    match = _AUTHORITY.fullmatch(authority)
    return (match[1] or match[2]).removesuffix(".").lower() if match else ""


def is_loopback(name: str) -> bool:
    """Return whether `name` reaches this machine only.

    >>> is_loopback("localhost"), is_loopback("127.8.9.1"), is_loopback("127.1.nip.io")
    (True, True, False)
    """
    address = as_ip(name)
    return name == "localhost" if address is None else address.is_loopback


def is_served(name: str, bound: str) -> bool:
    """Return whether a server that listens on `bound` answers to `name`.

    It answers to loopback names and to `bound` itself; on all addresses, it also answers to any numeric
    address and to the machine's own name.

    >>> is_served("evil.example", "127.0.0.1"), is_served("evil.example", "0.0.0.0")
    (False, False)
    >>> is_served("192.0.2.7", "0.0.0.0"), is_served("192.0.2.7", "127.0.0.1")
    (True, False)
    """
    bound, address = bound.removesuffix(".").lower(), as_ip(name)
    bound_address = as_ip(bound)
    if not name:
        return False
    if is_loopback(name) or name == bound or (address is not None and address == bound_address):
        return True
    is_everywhere = not bound or (bound_address is not None and bound_address.is_unspecified)
    return is_everywhere and (address is not None or name == socket.gethostname().lower())


def is_same_site(origin: str, host: str) -> bool:
    """Return whether `host` served the page of `origin`, or both are this machine.

    >>> is_same_site("http://localhost:8888", "127.0.0.1"), is_same_site("null", "127.0.0.1")
    (True, False)
    """
    scheme, separator, authority = origin.partition("://")
    page = hostname(authority) if separator and scheme in ("http", "https") else ""
    return bool(page) and (page == host or (is_loopback(page) and is_loopback(host)))


def as_ip(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the name as an IP address, ``None`` if it is not one."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def url_of(host: str, port: int) -> str:
    """Return the URL of a server.

    >>> url_of("127.0.0.1", 7860), url_of("::1", 7860)
    ('http://127.0.0.1:7860', 'http://[::1]:7860')
    """
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    # asyncio sets it only if the socket's `proto` is TCP, which is 0 here; a response would take 40 ms more.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
