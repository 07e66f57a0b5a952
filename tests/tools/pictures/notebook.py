"""Take the picture of an answer in JupyterLab, notebook.png; or pictures of whole notebooks that it runs.

    pip install jupyterlab playwright
    python -m tests.tools.pictures.notebook [FOLDER NOTEBOOK ...]

The browser is $CHROMIUM, /usr/bin/chromium by default.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("notebook.png")
ROOT = Path(__file__).parents[3]
START = 60.0  # seconds for JupyterLab to come up
WIDTH, TALL = 860, 9000  # pixels; so tall that JupyterLab draws all cells
READY = """() => {
    const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return session?.isReady && session.session?.kernel?.status === "idle";
}"""
RUN = r"""() => [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].every(
    prompt => /\d/.test(prompt.innerText)
)"""
# What shows which cell is at hand is none of the answer.
PLAIN = """
.jp-cell-toolbar, .jp-Collapser { display: none !important }
.jp-Cell { border-color: transparent !important; box-shadow: none !important }
"""
SETUP = """
from qwen_spaces import QwenSpace
space = QwenSpace.local("qwen-3")
"""
CELLS = (SETUP, 'space.show("Why is the sky blue? [[sample]]")')


def notebook(cells: tuple[str, ...]) -> str:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = [
        {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "source": code.strip()}
        | {"execution_count": None, "outputs": []}
        for number, code in enumerate(cells)
    ]
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


@contextlib.contextmanager
def lab(folder: Path) -> Iterator[str]:
    """A JupyterLab on this machine, at home in `folder`; gives its address with a gap for the notebook."""
    settings = folder / ".settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex(8)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--port={port}", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    command += ["--expose-app-in-browser", f"--LabApp.user_settings_dir={folder / '.settings'}"]
    homes = {
        name: str(folder / ".home") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with (folder / ".log").open("w") as log:
        server = subprocess.Popen(command, env={**os.environ, **homes, **paths}, stdout=log, stderr=log)
    try:
        await_answer(f"http://127.0.0.1:{port}/api")
        yield f"http://127.0.0.1:{port}/doc/tree/{{}}?token={token}"
    finally:
        server.terminate()
        server.wait(20)


def await_answer(url: str) -> None:
    end = time.monotonic() + START
    while True:
        try:
            urllib.request.urlopen(url).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


def run_all(page: Any, url: str) -> None:
    """Open a notebook and run it to its end."""
    page.goto(url)
    page.wait_for_function(READY)
    page.evaluate("void jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(RUN)
    page.add_style_tag(content=PLAIN)
    page.wait_for_timeout(1000)  # for mathematics and pictures


def main() -> None:
    given = [Path(name) for name in sys.argv[2:]]
    view: Any = {"viewport": {"width": WIDTH, "height": 900}, "device_scale_factor": 2}
    if given:
        view = {"viewport": {"width": WIDTH, "height": TALL}}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, sync_playwright() as playwright:
        folder = Path(name)
        (folder / "answer.ipynb").write_text(notebook(CELLS))
        for path in given:
            shutil.copy(path, folder)
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        with (
            lab(folder) as address,
            playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]) as browser,
        ):
            for path in given or [folder / "answer.ipynb"]:
                page = browser.new_page(**view)
                page.set_default_timeout(60_000)
                run_all(page, address.format(path.name))
                if given:
                    page.locator(".jp-Notebook").screenshot(path=Path(sys.argv[1]) / f"{path.stem}.png")
                else:
                    page.locator(".jp-CodeCell").last.screenshot(path=PICTURE)
                page.close()


if __name__ == "__main__":
    main()
