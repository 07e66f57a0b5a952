"""A real browser, where there is one: Chromium, driven by `playwright`."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from .modes import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
# Gradio loads its components one by one, and what is typed before the last one is there may be lost.
READY = """async () => {
    const count = () => performance.getEntriesByType("resource").length;
    const idle = () => new Promise(done => setTimeout(() => requestIdleCallback(done), 100));
    for (let before = -1; before !== count() || !document.querySelector("footer"); ) {
        before = count();
        for (let i = 0; i < 5; i++) await idle();
    }
}"""


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser; skips the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM:
        pytest.skip("no Chromium: set $CHROMIUM to its path")
    with (
        playwright.sync_playwright() as driver,
        driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"]) as opened,
    ):
        yield opened


@contextlib.contextmanager
def page_of(opened: Browser, url: str, **size: int) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what it does that no text may make it do: dialogs, errors, and requests to elsewhere."""
    context = opened.new_context(viewport={"width": 390, "height": 844, **size})
    context.set_default_timeout(1000 * PATIENCE)
    page, faults = context.new_page(), list[str]()

    def stop(route: Any) -> None:
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            route.continue_()
        else:
            faults.append(f"request to {route.request.url}")
            route.abort()

    def dismiss(dialog: Any) -> None:
        faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    context.route("http*://**/*", stop)
    page.on("dialog", dismiss)
    page.on("pageerror", lambda error: faults.append(f"error: {error}"))
    page.goto(url)
    page.evaluate(READY)
    yield page, faults
    context.close()
