"""Measure this package beside its alternatives: ``python -m tests.benchmarks``, with the extra `bench`.

Everything runs on this machine, one reader at a time, for about half an hour. Writes results.json and
figure.png beside this file, and the table into the README.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from . import report, single
from .figure import draw
from .processes import Worker, commands, served
from .scenarios import Scenario, scenarios

_HERE = Path(__file__).parent


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _run(scenario: Scenario, workers: dict[str, Worker], url: str) -> dict[str, list[dict[str, Any]] | None]:
    """Reader -> what each of its repeats measured, or ``None`` where it did not end."""
    readers = [name for name in scenario.readers if name in workers]
    runs: dict[str, list[dict[str, Any]] | None] = {name: [] for name in readers}
    for number in range(scenario.repeats + 1):
        for name in readers[:: -1 if number % 2 else 1]:
            if (found := runs[name]) is None:
                continue
            if scenario.fresh:
                workers[name].close()
            warm_up = dataclasses.replace(scenario, question=_short(scenario))
            measured = workers[name].ask(warm_up, url) if scenario.fresh or not number else {}
            if number and measured is not None:
                measured = workers[name].ask(scenario, url)
            if measured is None:
                runs[name] = None
                _log(f"  {name} did not end within {scenario.patience:g} s")
            elif number:
                found.append(measured)
    return runs


def _short(scenario: Scenario) -> Any:
    question = scenario.question
    return dataclasses.replace(question, tokens=min(question.tokens, 20 if not question.pace else 3))


def _machine() -> dict[str, str]:
    packages = ("gradio", "gradio_client", "httpx", "openai")
    return {
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        **{package: importlib.metadata.version(package) for package in packages},
    }


def _measure(only: str, repeats: int) -> list[dict[str, Any]]:
    results = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        workers = {name: Worker(command) for name, command in commands(Path(folder)).items()}
        for worker in workers.values():
            stack.callback(worker.close)
        for scenario in scenarios():
            if only and scenario.name not in only.split(","):
                continue
            began = time.monotonic()
            _log(f"{scenario.name} {scenario.number or ''} ({scenario.server}) ...")
            scenario = dataclasses.replace(scenario, repeats=repeats or scenario.repeats)
            with served(scenario.server) as url:
                runs = _run(scenario, workers, url)
            results.append({"name": scenario.name, "number": scenario.number, "runs": runs})
            _log(f"  {time.monotonic() - began:.0f} s")
    return results


def main() -> None:
    """Measure, print the table, write it all down."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help="scenarios to run, such as paced,burst; writes no README")
    parser.add_argument("--repeats", type=int, default=0, help="in place of the usual 7")
    parser.add_argument("--report", action="store_true", help="measure nothing: report results.json again")
    options = parser.parse_args()
    kept = _HERE / "results.json"
    if not options.report:
        singles = {} if options.only else single.figures()
        results = {
            "machine": _machine(),
            "single": singles,
            "scenarios": _measure(options.only, options.repeats),
        }
        if options.only:
            print(json.dumps(results["scenarios"], indent=1))
            sys.exit(any(not runs for found in results["scenarios"] for runs in found["runs"].values()))
        kept.write_text(json.dumps(report.condensed(results)) + "\n")
    results = json.loads(kept.read_text())
    print(report.table(results), "\n\n", report.targets(results), sep="")
    draw(results, _HERE / "figure.png")
    report.into_readme(results)


if __name__ == "__main__":
    main()
