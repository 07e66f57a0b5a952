"""Show every payload in a real JupyterLab, and fail if one of them runs.

    pip install jupyterlab playwright
    python -m tests.tools.browser [PICTURE]

One notebook shows them in six places (`browser_cells.py`). Its cells run in the page, so JupyterLab
trusts the outputs, which is the worst case. Before that a control shows the payloads as they are, to prove
that they are live and that it is seen when one runs. The browser is $CHROMIUM, /usr/bin/chromium by default.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Request, Route, sync_playwright

from ..support.payloads import PAYLOADS
from .browser_cells import CONTROL, PLACES, cells, name_of
from .pictures.notebook import lab, notebook, run_all

ENOUGH = 100  # payloads that must run in the control, or it proves nothing
LONG = 600_000  # milliseconds for all cells of a slow machine
QUIET = 3.0  # seconds without anything new, then it is over
SETTINGS = {"maxNumberOutputs": 100_000, "windowingMode": "none"}  # all outputs are drawn
# In every frame: what a payload calls.
INIT = """
window.x7 = number => {
    fetch(`CANARY/ran/${number}`, {mode: "no-cors", keepalive: true}).catch(() => {});
};
"""
COMMAND = """() => void jupyterapp.commands.addCommand("canary:run", {
    execute: given => window.x7(/[(](\\d+)/.exec(given.js)?.[1] ?? "command")
})"""
PLAIN = "[data-mime-type='application/vnd.jupyter.stderr']"
# Everything is touched. A link to the outside leads nowhere, and none opens another window, which would be
# blocked. In a traceback JupyterLab makes links of its own: `LOOK` sees that they open windows of their own.
TOUCH = """async () => {
    addEventListener("click", event => {
        const link = event.target.closest?.("a");
        if (!link) return;
        if (link.closest("PLAIN") || /^(https?:|mailto:)/.test(link.href)) event.preventDefault();
        else link.removeAttribute("target");
    }, true);
    const outputs = [...document.querySelectorAll(".jp-OutputArea-output")];
    for (const each of outputs.flatMap(output => [...output.querySelectorAll("*")])) {
        for (const kind of ["mouseover", "mouseenter", "click"]) {
            each.dispatchEvent(new MouseEvent(kind, {bubbles: true, cancelable: true}));
        }
        each.focus?.();
        const link = each.getAttribute("href") ?? each.getAttribute("xlink:href") ?? "";
        if (/^(BUTTON|INPUT)$/.test(each.tagName) || (link && !/^(https?:|mailto:|#)/.test(link))) {
            await new Promise(done => setTimeout(done, 30));  // the next would take its place
        }
    }
    return outputs.length;
}""".replace("PLAIN", PLAIN)
# What no output of ours may have; MathJax brings elements of its own.
LOOK = r"""() => {
    const known = new Set(`P H1 H2 H3 H4 H5 H6 UL OL LI EM STRONG B S DEL BR HR PRE CODE TABLE THEAD TBODY TR
        TH TD DETAILS SUMMARY BLOCKQUOTE DIV SPAN A INPUT`.split(/\s+/));
    const links = /^(href|xlink:href|src|srcset|action|formaction|data|poster|background)$/;
    const faults = [];
    for (const output of document.querySelectorAll(".jp-OutputArea-output")) {
        const place = output.closest(".jp-CodeCell").querySelector(".cm-content").innerText;
        for (const each of output.querySelectorAll("*")) {
            const box = each.tagName === "INPUT" && each.type === "checkbox" && each.disabled;
            const ours = known.has(each.tagName) && (each.tagName !== "INPUT" || box);
            if (!ours && !each.closest("mjx-container")) faults.push(`${place}: <${each.tagName}>`);
            const plain = each.closest("PLAIN");
            const apart = plain && each.relList?.contains("noopener") && each.target === "_blank";
            const local = plain && /^($|\/.*#line=\d+$)/.test(each.getAttribute("href"));
            for (const {name, value} of each.attributes) {
                const bad = /^on|^data-commandlinker|^srcdoc$|^name$/.test(name)
                    || (links.test(name) && !apart && !local && !/^(https?:\/\/|mailto:|#)/i.test(value))
                    || (name === "style" && /url|import/i.test(value));
                if (bad) faults.push(`${place}: <${each.tagName} ${name}="${value}">`);
            }
        }
    }
    return faults;
}""".replace("PLAIN", PLAIN)
# What the sample must have: a selector in its outputs, and how many there are at least.
SAMPLE = {
    "details summary": 1,
    "h2 code": 1,
    "strong": 1,
    "em": 1,
    "del, s": 1,
    "a[href='https://a.example/?a=1&b=2']": 1,
    "ol > li": 2,
    "ol ul > li mjx-container": 1,
    "blockquote": 2,
    "table td": 6,
    "table td code": 3,
    "table td mjx-container": 2,
    "pre code span[class]": 5,
    "mjx-container": 6,
    "mjx-container[display=true]": 2,
}


@dataclass
class Heard:
    """What a page did that no answer may do."""

    calls: set[str] = field(default_factory=set)  # "ran/7", "got/7", of the canary
    others: list[str] = field(default_factory=list)  # dialogs, windows, and requests to elsewhere
    latest: float = field(default_factory=time.monotonic)

    def hear(self, call: str) -> None:
        """Keep one call of the canary."""
        if call not in self.calls:
            self.calls.add(call)
            self.latest = time.monotonic()

    @property
    def names(self) -> list[str]:
        """The payloads that called."""
        numbers = {call.partition("/")[2].partition("/")[0] for call in self.calls}
        return sorted(name_of(int(number)) if number.isdigit() else number for number in numbers)


@contextlib.contextmanager
def canary(heard: Heard) -> Iterator[str]:
    """A server that records its requests; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.hear(self.path.strip("/"))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextlib.contextmanager
def watched(browser: Browser, heard: Heard, home: str) -> Iterator[Page]:
    """A page that cannot leave this machine nor its own address, and whose doings are kept."""
    context = browser.new_context(viewport={"width": 1000, "height": 1200})
    context.add_init_script(INIT.replace("CANARY", home))
    page = context.new_page()
    page.set_default_timeout(LONG)

    def stop(route: Route, request: Request) -> None:
        where = urlsplit(request.url)
        leaves = (
            request.is_navigation_request()
            and page.url.startswith("http")
            and request.frame is page.main_frame
        )
        if where.hostname != "127.0.0.1" and where.scheme in {"http", "https", "ws", "wss", "ftp"}:
            heard.others.append(f"request to {request.url}")
            route.abort()
        elif leaves:
            heard.hear(where.path.strip("/"))
            route.abort()
        else:
            route.continue_()

    def dismiss(dialog: Any) -> None:
        heard.others.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    context.route("**/*", stop)
    page.on("dialog", dismiss)
    context.on("page", lambda other: heard.others.append(f"window: {other.url}"))
    yield page
    context.close()


def show(page: Page, url: str, heard: Heard, picture: Path | None = None) -> int:
    """Run a notebook, touch all that it shows, and wait until nothing happens; gives how many outputs."""
    run_all(page, url)
    page.evaluate(COMMAND)
    if picture:  # of the sample, before anything is touched
        page.locator(".jp-CodeCell details").first.evaluate("details => { details.open = true }")
        page.locator(".jp-CodeCell").nth(1).screenshot(path=picture)
    count: int = page.evaluate(TOUCH)
    while (rest := heard.latest + QUIET - time.monotonic()) > 0:
        page.wait_for_timeout(1000 * rest)
    return count


def prove(browser: Browser, folder: Path, address: str) -> int:
    """See the payloads run where nobody stops them; gives how many did."""
    heard = Heard()
    with canary(heard) as home, watched(browser, heard, home) as page:
        (place,) = CONTROL
        code = "from tests import browser_cells as it", f"it.run({place!r}, {home!r})"
        (folder / "control.ipynb").write_text(notebook(code))
        show(page, address.format("control.ipynb"), heard)
    silent = {f"{place}: {name}" for name in PAYLOADS} - set(heard.names)
    print(f"control: {len(heard.names)} payloads ran; not: {sorted(silent)}")
    return len(heard.names)


def try_all(browser: Browser, folder: Path, address: str, picture: Path | None) -> tuple[int, list[str]]:
    """See what ours does; gives how many outputs it has, and what is wrong with them."""
    heard = Heard()
    with canary(heard) as home, watched(browser, heard, home) as page:
        (folder / "payloads.ipynb").write_text(notebook(tuple(cells(home))))
        count = show(page, address.format("payloads.ipynb"), heard, picture)
        faults = [*heard.names, *heard.others, *page.evaluate(LOOK)]
        cell = page.locator(".jp-CodeCell").nth(1)
        for selector, least in SAMPLE.items():
            found = cell.locator(f".jp-OutputArea-output :is({selector})").count()
            if found < least:
                faults.append(f"the sample has {found} of {selector}, not {least}")
    return count, faults


def main() -> None:
    began = time.monotonic()
    picture = Path(sys.argv[1]) if sys.argv[1:] else None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, sync_playwright() as playwright:
        folder = Path(name)
        tracker = folder / ".settings" / "@jupyterlab" / "notebook-extension"
        tracker.mkdir(parents=True)
        (tracker / "tracker.jupyterlab-settings").write_text(json.dumps(SETTINGS))
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        with (
            lab(folder) as address,
            playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]) as browser,
        ):
            ran = prove(browser, folder, address)
            count, faults = try_all(browser, folder, address, picture)
    for fault in faults:
        print(fault)
    expected = (len(PLACES) - 1) * len(PAYLOADS)
    is_good = not faults and ran >= ENOUGH and count >= expected
    print(
        f"{'good' if is_good else 'BAD'}: {len(PAYLOADS)} payloads in {len(PLACES)} places, {count} outputs: "
        f"{len(faults)} faults; {ran} ran in the control; {time.monotonic() - began:.0f} s"
    )
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
