"""Addresses of Spaces: parse what people paste into ``owner/name``, or the URL of an app."""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from typing import NamedTuple

from ._hosts import as_ip
from .errors import UnknownSpaceError

HUB_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_LOCAL_SUFFIXES = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
_PASTED = " \t\r\n\v\f\u00a0\u200b\u2060\ufeff"  # blanks and invisible characters around a pasted text
_NAME = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}"
_SPACE_ID = re.compile(rf"{_NAME}/{_NAME}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"[^\s/?#@\\%<>^`{|}\x00-\x20\x7f-\xa0]+")
_DOMAIN = re.compile(r"([\w-]+\.)+[A-Za-z][A-Za-z-]+")
_API = re.compile(r"/(gradio_api|config|info|queue)(/.*)?$")  # paths of Gradio below an app's own address


class Address(NamedTuple):
    """The address of a Space.

    Attributes:
        place: ``owner/name`` on the Hub, or the URL of a Gradio app, without query and final slash.
        credentials: the user and password before the host, for HTTP basic authentication.
    """

    place: str
    credentials: tuple[str, str] | None = None


def parse_address(text: str) -> Address | None:
    """Return the address in `text`, ``None`` if it does not look like one.

    It may be an id or a page of the Hub (``spaces/O/N``, ``hf.co/spaces/O/N/tree/main``), the URL of an app
    with the suffixes that browsers and clients append, or a host without a scheme: ``x.hf.space``,
    ``localhost:7860``. The scheme of such a host is http if it is local, else https.

    Raises:
        UnknownSpaceError: it is the address of another page, or has no valid host.

    Example:
        >>> parse_address("https://huggingface.co/spaces/Qwen/Qwen2.5/tree/main?x=y").place
        'Qwen/Qwen2.5'
        >>> parse_address(" localhost:7860/?__theme=dark ").place
        'http://localhost:7860'
    """
    text = text.strip(_PASTED)
    if found := _SCHEME.match(text):
        if found[1].lower() not in ("http", "https"):
            raise UnknownSpaceError(
                f"{_shown(text)} is not the address of a Space: the scheme is https, http or missing."
            )
        return _parse_url(text, f"{found[1].lower()}://", text[found.end() :])
    path = re.split(r"[?#]", text, maxsplit=1)[0].strip("/")
    if path.lower().startswith("spaces/"):
        return _space_on_hub(text, path)
    if _is_host_alone(text.partition("/")[0].partition("?")[0].partition("#")[0]):
        return _parse_url(text, "", text)
    return Address(path) if _SPACE_ID.fullmatch(path) else None


def redact(text: str) -> str:
    """Return `text` with ``***`` in place of users and passwords in addresses.

    Example:
        >>> redact("http://ada:secret@127.0.0.1:7860")
        'http://***@127.0.0.1:7860'
    """
    return re.sub(r"(^|//)[^/?#]*@", r"\1***@", text)


def did_you_mean(text: str) -> str | None:
    """Return the address that the user probably meant by `text`, which is not an address."""
    text = text.strip(_PASTED)
    host, _, path = text.partition("/")
    if _DOMAIN.fullmatch(host):
        return f"https://{host}/{path}".rstrip("/")
    parts = text.strip("/").split("/")
    space_id = "/".join(parts[:2])
    return space_id if len(parts) > 2 and _SPACE_ID.fullmatch(space_id) else None


def is_on_hugging_face(place: str) -> bool:
    """Return whether a Space at `place`, an `Address.place`, runs on Hugging Face's machines.

    Example:
        >>> is_on_hugging_face("Qwen/Qwen2.5"), is_on_hugging_face("http://localhost:7860")
        (True, False)
    """
    host = urllib.parse.urlsplit(place).hostname or ""
    return "://" not in place or host == "hf.space" or host.endswith(".hf.space")


def _parse_url(text: str, scheme: str, rest: str) -> Address:
    """Parse the `rest` after the scheme; an empty scheme depends on the host."""
    authority, path = re.fullmatch(r"([^/?#]*)([^?#]*).*", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    user_info, at, netloc = authority.rpartition("@")
    host, port = _split_host(text, netloc)
    if host in HUB_HOSTS:
        return _space_on_hub(text, path)
    if re.search(r"[\s\\\x00-\x1f\x7f\ud800-\udfff]", path):
        raise UnknownSpaceError(f"{_shown(text)} has blanks or other characters that no address has.")
    scheme = scheme or ("http://" if is_local(host) else "https://")
    path = re.sub("/{2,}", "/", _API.sub("", path)).rstrip("/")
    user, _, password = user_info.partition(":")
    credentials = (urllib.parse.unquote(user), urllib.parse.unquote(password)) if at else None
    shown = f"[{host}]" if ":" in host else host
    return Address(f"{scheme}{shown}{'' if port is None else f':{port}'}{path}", credentials)


def _split_host(text: str, netloc: str) -> tuple[str, int | None]:
    """Return the host in lower case, without the brackets of IPv6, and the port."""
    try:
        if not netloc or netloc.endswith(":"):
            raise ValueError("no host")
        split = urllib.parse.urlsplit(f"//{netloc}")
        host, port = split.hostname or "", split.port
        if netloc.startswith("["):
            ipaddress.IPv6Address(host)
        elif not _HOST.fullmatch(host) or ":" in host:
            raise ValueError("not a host's characters")
        host.encode()
    except ValueError:
        raise UnknownSpaceError(
            f"{_shown(text)} is not the address of a Space: it has no host, or an invalid one."
        ) from None
    return host, port


def _space_on_hub(text: str, path: str) -> Address:
    parts = [part for part in path.split("/") if part]
    space_id = "/".join(parts[1:3])
    if parts[:1] == ["spaces"] and _SPACE_ID.fullmatch(space_id) and not _is_host_alone(parts[1]):
        return Address(space_id)
    guess, hint = "/".join(parts[:2]), ""
    if parts[:1] not in (["spaces"], ["datasets"]) and _SPACE_ID.fullmatch(guess):
        hint = f"Did you mean 'https://huggingface.co/spaces/{guess}'? "
    raise UnknownSpaceError(
        f"{_shown(text)} is not the page of a Space. {hint}It is like https://huggingface.co/spaces/OWNER/NAME."
    )


def _is_host_alone(authority: str) -> bool:
    """Return whether `authority` can only be a host, not an alias or the owner of a Space."""
    host = authority.rpartition("@")[2].lower()
    if re.search(r".:\d{1,5}$", host) or host.startswith("["):
        return True
    return host in HUB_HOSTS or host.endswith(".hf.space") or host == "localhost" or as_ip(host) is not None


def is_local(host: str) -> bool:
    """Return whether the name of a host is that of this machine or of one in its network."""
    if (ip := as_ip(host)) is not None:
        return ip.is_private or ip.is_loopback or ip.is_link_local
    return "." not in host or host.endswith(_LOCAL_SUFFIXES)


def _shown(text: str) -> str:
    shown = redact(text)
    return repr(shown if len(shown) <= 200 else f"{shown[:200]}...")
