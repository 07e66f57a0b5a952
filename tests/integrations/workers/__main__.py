"""Answer 160 prompts on 1, 2 and 4 workers, also with one that is killed, and print a table of the recipes.

``python -m tests.integrations.workers`` takes half an hour. Ray and `datasets` are large, so it runs in an
environment of its own, which it makes once. ``python -m tests.integrations.workers in_ray processes`` runs
some of the recipes. It fails if an answer is lost.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from ...chat_matrix.environments import made
from ...support.servers import ROOT
from ...tools.many_replica import replica
from .measure import Outcome, measure

RECIPES = ("one_process", "processes", "in_datasets", "in_dask", "in_ray", "at_gateway")
PACKAGES = ("ray[data]", "dask[distributed]", "datasets")
MODULES = ("ray", "distributed", "datasets")
WORKERS = (1, 2, 4)
PROMPTS, CONCURRENCY, SECONDS = 160, 10, 2.0
KILL_AT = 25  # in the second batch of 20


def cell(recipe: str, workers: int, kill_at: int, src: str, log: Path) -> str:
    """Measure a recipe; "4.7/s", and what a killed worker cost."""
    if kill_at and recipe == "one_process":
        return "-"
    outcome = measure(
        recipe,
        src,
        log,
        prompts=PROMPTS,
        workers=workers,
        concurrency=CONCURRENCY,
        kill_at=kill_at,
    )
    check(outcome, kill_at)
    again = ", run again" if outcome.restarts and recipe == "in_datasets" else ""
    return f"{outcome.rate:.1f}/s" + (f", {outcome.twice} twice{again}" if kill_at else "")


def check(outcome: Outcome, kill_at: int) -> None:
    assert outcome.lost == 0, outcome
    assert outcome.killed == bool(kill_at), outcome
    assert kill_at or outcome.twice == 0, outcome


def main(recipes: list[str]) -> None:
    runs = [(workers, kill_at) for kill_at in (0, KILL_AT) for workers in WORKERS]
    heads = [f"{workers}, one killed" if kill_at else str(workers) for workers, kill_at in runs]
    print("|", " | ".join(["workers", *heads]), "|")
    print("|", " | ".join(["---"] * (len(heads) + 1)), "|", flush=True)
    for recipe in recipes:
        print("|", recipe, end=" |", flush=True)
        for run in runs:
            with replica(slots=40, max_size=1000, seconds=SECONDS) as served:
                print("", cell(recipe, *run, served.url, served.log), end=" |", flush=True)
        print()


if __name__ == "__main__":
    if not all(map(importlib.util.find_spec, MODULES)):
        python = made("workers", ("-e", f"{ROOT}[test]", *PACKAGES))
        os.execv(python, [str(python), "-m", __package__ or "", *sys.argv[1:]])
    main(sys.argv[1:] or list(RECIPES))
