"""By TLS, as every real Space is reached: it streams, it is cancelled, and what is not trusted is refused."""

from __future__ import annotations

import datetime
import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import trustme

from qwen_spaces import ConnectError, QwenSpace

from ..support.hub import serve_hub
from ..support.modes import PATIENCE, POLLING, deltas_through, run_async
from ..support.servers import Servers
from ..support.tls import serve_tls


@pytest.fixture(scope="module")
def secure(servers: Servers) -> Iterator[tuple[str, ssl.SSLContext]]:
    with serve_tls(servers["qwen-2.5"]) as secure:
        yield secure


def test_an_answer_streams(secure: tuple[str, ssl.SSLContext], mode: str, prompt: str) -> None:
    url, context = secure
    stream = QwenSpace("qwen-2.5", src=url, ssl_verify=context).stream(f"{prompt} [[pace=0.01]]")
    deltas = deltas_through(mode, stream)
    assert POLLING or len(deltas) > 3
    assert "".join(deltas) == stream.result().text
    assert prompt in stream.text


def test_leaving_ends_the_job(
    secure: tuple[str, ssl.SSLContext], mode: str, prompt: str, servers: Servers
) -> None:
    url, context = secure
    endless = f"{prompt} [[forever]]"
    stream = QwenSpace("qwen-2.5", src=url, ssl_verify=context).stream(endless)

    async def leave() -> None:
        async for _ in stream:
            break

    if mode == "sync":
        for _ in stream:
            break
    else:
        run_async(mode, leave)
    servers.wait_for("end", endless)
    assert stream._reader.mailbox.finished.wait(PATIENCE)


def test_a_server_that_is_not_trusted_is_refused_unless_that_is_wanted(
    secure: tuple[str, ssl.SSLContext], prompt: str
) -> None:
    with pytest.raises(ConnectError, match="certificate"):
        QwenSpace("qwen-2.5", src=secure[0], retries=0).ask(prompt)
    assert prompt in QwenSpace("qwen-2.5", src=secure[0], ssl_verify=False).ask(prompt).text


# Authorities and certificates -------------------------------------------------------------------------------

AUTHORITY = trustme.CA()
DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc)
OWN_CA = r"SSL_CERT_FILE to a PEM file .* ssl_verify=ssl\.create_default_context\(cafile=\.\.\.\)"


@pytest.fixture
def pem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The certificate of our authority in a file, which is no setting yet."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return path


def refused(url: str, **settings: Any) -> str:
    with pytest.raises(ConnectError) as caught:
        QwenSpace("qwen-2.5", src=url, retries=0, **settings).ask("Hi")
    assert type(caught.value) is ConnectError
    assert not caught.value.transient
    return str(caught.value)


def test_an_own_authority_is_trusted_by_its_file(
    pem: Path, servers: Servers, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_tls(servers["qwen-2.5"], AUTHORITY) as (url, _):
        assert "is not trusted" in refused(url)  # and is not remembered when the variable comes
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert prompt in QwenSpace("qwen-2.5", src=url).ask(prompt).text
        monkeypatch.delenv("SSL_CERT_FILE")
        by_context = ssl.create_default_context(cafile=str(pem))
        assert prompt in QwenSpace("qwen-2.5", src=url, ssl_verify=by_context).ask(prompt).text
        assert "is not trusted" in refused(url)


def test_an_own_authority_is_trusted_for_the_hub_too(
    pem: Path, servers: Servers, prompt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        serve_tls(servers["qwen-2.5"], AUTHORITY) as (space, _),
        serve_hub({"Qwen/Qwen2.5": space}) as (plain, _),
        serve_tls(plain, AUTHORITY) as (hub, _),
    ):
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub)
        with pytest.raises(ConnectError, match=r"The certificate of .* Hub .* is not trusted"):
            QwenSpace("qwen-2.5", retries=0).ask(prompt)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert prompt in QwenSpace("qwen-2.5").ask(prompt).text


def test_the_error_of_an_untrusted_certificate_names_how_to_trust_it(pem: Path, servers: Servers) -> None:
    with serve_tls(servers["qwen-2.5"], AUTHORITY) as (url, _):
        text = refused(url)
    assert text.startswith(f"The certificate of {url} is not trusted (")
    assert re.search(OWN_CA, text)


CERTIFICATES: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}, "has expired"),
    "not yet": ({"not_before": NOW + DAY, "not_after": NOW + 9 * DAY}, "is not valid yet"),
    "another address": ({"host": "127.0.0.2"}, "is of another host"),
    "another name": ({"host": "example.org"}, "is of another host"),
}


@pytest.mark.parametrize(("certificate", "why"), CERTIFICATES.values(), ids=CERTIFICATES)
def test_the_error_of_a_certificate_that_does_not_fit_names_why(
    certificate: dict[str, Any],
    why: str,
    pem: Path,
    servers: Servers,
    prompt: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve_tls(servers["qwen-2.5"], AUTHORITY, **certificate) as (url, _):
        assert refused(url).startswith(f"The certificate of {url} {why}. Check the ")
        named = url.replace("127.0.0.1", "localhost")
        assert prompt in QwenSpace("qwen-2.5", src=named, ssl_verify=False).ask(prompt).text


def test_a_certificate_of_another_name_is_that_of_another_host(
    pem: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with serve_tls(servers["qwen-2.5"], AUTHORITY) as (url, _):
        assert "is of another host" in refused(url.replace("127.0.0.1", "localhost"))


def no_file(folder: Path) -> Path:
    return folder / "gone.pem"


def no_certificate(folder: Path) -> Path:
    (folder / "key.pem").write_text("no certificate in here")
    return folder / "key.pem"


def a_folder(folder: Path) -> Path:
    return folder


UNUSABLE: dict[str, tuple[str, Any, str]] = {
    "a file that is gone": ("SSL_CERT_FILE", no_file, "cannot be read: No such file or directory"),
    "a file of something else": ("SSL_CERT_FILE", no_certificate, "holds no certificates in PEM form"),
    "a folder for a file": ("SSL_CERT_FILE", a_folder, "cannot be read: Is a directory"),
    "a folder that is gone": ("SSL_CERT_DIR", no_file, "is no folder"),
}


@pytest.mark.parametrize(("variable", "value", "why"), UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
def test_a_setting_that_names_no_certificates_is_named(
    variable: str,
    value: Any,
    why: str,
    tls: bool,
    pem: Path,
    servers: Servers,
    prompt: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = value(pem.parent)
    monkeypatch.setenv(variable, str(path))
    text = refused("https://127.0.0.1:9" if tls else servers["qwen-2.5"])
    assert text.startswith(f"{variable} is {str(path)!r}, which {why}")
    assert "unset it" in text
    assert "ssl_verify=" in text
    assert prompt in QwenSpace("qwen-2.5", src=servers["qwen-2.5"], ssl_verify=False).ask(prompt).text
