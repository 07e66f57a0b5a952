"""The figure: how late tokens are, and what many streams cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
from matplotlib import pyplot

from .scenarios import JOB, JOB_ASYNC, NODE, OPENAI, OURS, OURS_ASYNC, RAW, RAW_ASYNC

# A colour-blind safe palette (Okabe and Ito); the limit is grey, the alternatives are dashed.
_STYLES = {
    RAW: ("#999999", "-"),
    RAW_ASYNC: ("#999999", ":"),
    OURS: ("#0072b2", "-"),
    OURS_ASYNC: ("#56b4e9", "-"),
    JOB: ("#d55e00", "--"),
    JOB_ASYNC: ("#e69f00", "--"),
    OPENAI: ("#009e73", "--"),
    NODE: ("#cc79a7", "--"),
}


def draw(results: Mapping[str, Any], path: Path) -> None:
    """Draw what `report.condensed` gives, 1200 x 528 pixels."""
    picture, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4.4), dpi=120, layout="constrained")
    scenarios = results["scenarios"]
    paced = next(found["runs"] for found in scenarios if found["name"] == "paced")
    streams = [found for found in scenarios if found["name"] == "streams"]
    for reader, (colour, line) in _STYLES.items():
        if late := (paced.get(reader) or {}).get("late"):
            left.plot(
                [max(value * 1e3, 0.05) for value in late], range(1, 100), line, color=colour, label=reader
            )
        points = [
            (found["number"], runs["cpu"][0]) for found in streams if (runs := found["runs"].get(reader))
        ]
        if points:
            right.plot(*zip(*points, strict=True), line, color=colour, marker="o", markersize=3, label=reader)
    left.set(
        xscale="log", xlabel="a token's lateness, ms", ylabel="tokens that are no later, %", ylim=(0, 100)
    )
    left.set_title("500 tokens, one each 10 ms")
    right.set(xscale="log", yscale="log", xlabel="streams at once", ylabel="CPU, s")
    right.set_title("20 tokens a stream, one each 100 ms")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    picture.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    picture.savefig(path)
    pyplot.close(picture)
