"""The `openai` package's own tests of what the gateway serves, run from its sdist against the gateway.

    python -m tests.integrations.openai_own

Each test passes, or is listed with its error: it is about what a server stores, which the gateway does not,
or requests everything at once, even what no Space can do. The tests of `responses.create` send no model and
no input, which OpenAI itself refuses: both are added on the way. Nothing may ever get status 500.
"""

from __future__ import annotations

import collections
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openai

from qwen_spaces.gateway import create_app
from qwen_spaces.replicas import _brain as brain
from qwen_spaces.replicas import serve

from ..support.gateway import serve_gateway

SUITES = ("chat/test_completions.py", "test_completions.py", "test_responses.py", "test_models.py")
MODEL = re.compile(r'"(gpt-[\w.-]+)"')  # which they request
NEEDS = ("respx", "httpx-aiohttp")  # of these tests, not of ours
ADDED = {"model": "gpt-5.4", "input": "Hi"}


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments, "--quiet", "--no-deps"], check=True)


def fetch(folder: Path) -> Path:
    """The sources of the installed version, and what its tests need."""
    pip("download", f"openai=={openai.__version__}", "--no-binary", "openai", "--dest", str(folder))
    (archive,) = folder.glob("openai-*.tar.gz")
    with tarfile.open(archive) as sources:
        sources.extractall(folder, filter="data")
    pip("install", *NEEDS, "--target", str(folder / "needs"))
    return folder / archive.name.removesuffix(".tar.gz") / "tests" / "api_resources"


def run(tests: Path, suite: str, url: str) -> Iterator[tuple[str, str]]:
    """Run a suite; yields the name of each test, and its problem."""
    sources = tests.parents[1]
    report = sources / "report.xml"
    environment = {**os.environ, "TEST_API_BASE_URL": url, "PYTHONPATH": str(sources.parent / "needs")}
    options = ("-q", "-n", "0", "--tb=no", "--show-capture=no", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", str(tests / suite)]
    done = subprocess.run(command, cwd=sources, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    for case in ElementTree.parse(report).iter("testcase"):
        problem = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        name = f"{case.attrib['classname']}.{case.attrib['name']}"
        yield name, "" if problem is None else problem.attrib["message"].splitlines()[0]


class Counted:
    """The gateway's app, which counts its statuses, and adds what the tests of Responses leave out."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.statuses: collections.Counter[int] = collections.Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.statuses[message["status"]] += 1
            await send(message)

        if scope.get("path") != "/v1/responses" or scope.get("method") != "POST":
            await self.app(scope, receive, sending)
            return
        body = await receive()
        assert not body["more_body"]
        body["body"] = json.dumps({**ADDED, **json.loads(body["body"] or b"{}")}).encode()
        length = str(len(body["body"])).encode()
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        given = iter([body])

        async def receiving() -> Any:
            return next(given, None) or await receive()

        await self.app({**scope, "headers": [*headers, (b"content-length", length)]}, receiving, sending)


def reasons_of(problems: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each reason, with how many tests have it and which."""
    names: dict[str, set[str]] = collections.defaultdict(set)
    counts = collections.Counter(problems.values())
    for name, problem in problems.items():
        names[problem].add(re.sub(r".*\.test_|_overload.*|\[.*", "", name))
    for problem, count in counts.items():
        yield f"  {count}: {', '.join(sorted(names[problem]))}\n      {problem[:300]}"


def wrong(name: str, problem: str) -> bool:
    """Return whether a test should have passed: it requests nothing special, and nothing that is stored."""
    served = "create" in name and "all_params" not in name
    return bool(problem) and served and "skipped" not in problem


def main() -> None:
    brain.PACE = 0.0
    bad: list[str] = []
    with tempfile.TemporaryDirectory() as folder, serve("qwen-2.5") as replica:
        tests = fetch(Path(folder))
        texts = [(tests / suite).read_text() for suite in SUITES]
        models = {ADDED["model"], *(name for text in texts for name in MODEL.findall(text))}
        app = Counted(create_app(dict.fromkeys(models, replica)))
        with serve_gateway(app) as gateway:  # type: ignore[arg-type]
            for suite in SUITES:
                app.statuses.clear()
                problems = dict(run(tests, suite, f"{gateway}/v1"))
                failed = {name: problem for name, problem in problems.items() if problem}
                good = len(problems) - len(failed)
                print(f"{suite}: {good} of {len(problems)} pass. Statuses: {dict(app.statuses)}")
                print("\n".join(reasons_of(failed)), flush=True)
                bad += [name for name, problem in failed.items() if wrong(name, problem)]
                bad += [str(status) for status in app.statuses if status >= 500]
    sys.exit(f"These should pass: {bad}" if bad else 0)


if __name__ == "__main__":
    main()
