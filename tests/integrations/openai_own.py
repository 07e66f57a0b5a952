"""The `openai` package's own tests of chat completions, run from its sdist against the gateway.

    python -m tests.integrations.openai_own

What they create must succeed, streaming or not, and fit the package's types. Two of them request everything
at once, even tools and audio, which no Space can do: these must get status 400, and nothing may ever get 500.
The others are about stored completions, which the gateway lacks.
"""

from __future__ import annotations

import collections
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import openai

from qwen_spaces.gateway import create_app
from qwen_spaces.replicas import _brain as brain
from qwen_spaces.replicas import serve

from ..support.gateway import serve_gateway

TESTS = "tests/api_resources/chat/test_completions.py"
MODEL = "gpt-5.4"  # which they request
NEEDS = ("respx", "httpx-aiohttp")  # of these tests, not of ours


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", *arguments, "--quiet", "--no-deps"], check=True)


def fetch(folder: Path) -> Path:
    """The sources of the installed version, and what its tests need."""
    pip("download", f"openai=={openai.__version__}", "--no-binary", ":all:", "--dest", str(folder))
    (archive,) = folder.glob("openai-*.tar.gz")
    with tarfile.open(archive) as sources:
        sources.extractall(folder, filter="data")
    pip("install", *NEEDS, "--target", str(folder / "needs"))
    return folder / archive.name.removesuffix(".tar.gz")


def run(sources: Path, url: str, which: str) -> int:
    """Run the tests that `which` selects; the exit code of pytest."""
    environment = {**os.environ, "TEST_API_BASE_URL": url, "PYTHONPATH": str(sources.parent / "needs")}
    options = ("-q", "-n", "0", "--tb=line", "--show-capture=no", "-p", "no:cacheprovider", "-k", which)
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, TESTS], cwd=sources, env=environment
    ).returncode


def main() -> None:
    brain.PACE = 0.0
    statuses: collections.Counter[int] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder, serve("qwen-2.5") as replica:
        sources, app = fetch(Path(folder)), create_app({MODEL: replica})

        async def counted(scope: Any, receive: Any, send: Any) -> None:
            async def sending(message: Any) -> None:
                if message["type"] == "http.response.start":
                    statuses[message["status"]] += 1
                await send(message)

            await app(scope, receive, sending)

        with serve_gateway(counted) as gateway:
            failed = run(sources, f"{gateway}/v1", "create and not all_params")
            answered = dict(statuses)
            statuses.clear()
            run(sources, f"{gateway}/v1", "create and all_params")
    print(f"What a Space can do: {answered}. Everything at once: {dict(statuses)}.")
    sys.exit(failed or set(answered) != {200} or set(statuses) != {400})


if __name__ == "__main__":
    main()
