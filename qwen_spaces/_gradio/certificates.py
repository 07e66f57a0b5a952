"""Trust certificates, and explain why one is not trusted."""

from __future__ import annotations

import functools
import os
import ssl

import httpx

from ..errors import ConnectError

_OWN_CA = (
    "If your organisation issued it, set SSL_CERT_FILE to a PEM file with its authority's certificate, or "
    "pass ssl_verify=ssl.create_default_context(cafile=...)"
)
# Codes of OpenSSL (x509_vfy.h).
_REASONS = {
    9: "is not valid yet. Check the clock of this machine",
    10: "has expired. Check the clock of this machine, or ask whoever runs the server to renew it",
    62: "is of another host. Check the address, and whether a proxy or a hotspot answers in its place",
    64: "is of another host. Check the address, and whether a proxy or a hotspot answers in its place",
}


def context(verify: bool) -> ssl.SSLContext:
    """Return one context for all requests of the program; the SDK makes one for each, at 47 ms of CPU.

    Raises:
        ConnectError: ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` cannot be used.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if verify and not file and folder and not os.path.isdir(folder):
        raise _unusable("SSL_CERT_DIR", folder, "is no folder")
    try:
        return _context(verify, file, folder)
    except ssl.SSLError as error:
        raise _unusable("SSL_CERT_FILE", file, "holds no certificates in PEM form") from error
    except OSError as error:
        raise _unusable("SSL_CERT_FILE", file, f"cannot be read: {error.strerror}") from error


def why_not_trusted(error: BaseException) -> str | None:
    """Return why a server's certificate was refused, and what to do; ``None`` for another error."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    untrusted = f"is not trusted ({error.verify_message}). {_OWN_CA}"
    return f"{_REASONS.get(error.verify_code, untrusted)}. ssl_verify=False would accept any."


@functools.lru_cache(maxsize=8)
def _context(verify: bool, file: str | None, folder: str | None) -> ssl.SSLContext:
    del file, folder  # the keys of the cache: httpx reads them itself
    return httpx.create_ssl_context(verify=verify)


def _unusable(variable: str, value: str | None, problem: str) -> ConnectError:
    return ConnectError(
        f"{variable} is {value!r}, which {problem}. Correct or unset it, or pass an SSLContext as "
        "ssl_verify=..."
    )
