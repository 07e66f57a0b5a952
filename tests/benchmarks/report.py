"""The results of a run as tables: medians, with the least and the most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

from .scenarios import G4F, G4F_QVQ, JOB, JOB_ASYNC, NODE, OPENAI, OURS, OURS_ASYNC, RAW, RAW_ASYNC

_README = Path(__file__).parents[2] / "README.md"
_RESULTS = Path(__file__).with_name("RESULTS.md")
_MARKS = "<!-- benchmarks -->\n", "<!-- end of benchmarks -->\n"
_WHY_MARKS = "<!-- why -->\n", "<!-- end of why -->\n"
_COLUMNS = (RAW, RAW_ASYNC, OURS, OURS_ASYNC, JOB, JOB_ASYNC, OPENAI, NODE)
_README_COLUMNS = _COLUMNS[:-1]
Results = Mapping[str, Any]


class Row(NamedTuple):
    """A line of the table: which figure of which scenario, in which unit, to how many places."""

    title: str
    scenario: str
    number: int
    field: str
    unit: float
    places: int
    in_readme: bool = False


_MS, _S, _MB, _US = 1e3, 1.0, 1.0, 1e6
_ROWS = (
    Row("first delta, warm, ms", "paced", 0, "first", _MS, 1, in_readme=True),
    Row("first delta, cold (connect included), ms", "cold", 0, "first", _MS, 0),
    Row("lateness of a token, p50, ms", "paced", 0, "p50", _MS, 2, in_readme=True),
    Row("lateness of a token, p95, ms", "paced", 0, "p95", _MS, 2),
    Row("last token to the end of the loop, ms", "paced", 0, "tail", _MS, 1),
    Row("CPU, 500 tokens at 10 ms, s", "paced", 0, "cpu", _S, 3),
    Row("CPU, 2,000 tokens at once, s", "burst", 0, "cpu", _S, 3, in_readme=True),
    Row("CPU, 200 tokens at 100 ms, s", "slow", 0, "cpu", _S, 3),
    Row("peak memory, 8,000 tokens, MB", "memory", 0, "peak", _MB, 1, in_readme=True),
    Row("CPU of a token, no history, us", "history", 0, "token", _US, 0),
    Row("CPU of a token, 400 messages of history, us", "history", 400, "token", _US, 0),
    Row("CPU of a token, first tenth of 50,000, us", "length", 50_000, "start", _US, 0),
    Row("CPU of a token, last tenth of 50,000, us", "length", 50_000, "end", _US, 0),
    Row("50 streams at 10 tokens/s: p50, ms", "streams", 50, "p50", _MS, 1),
    Row("200 streams at 10 tokens/s: p50, ms", "streams", 200, "p50", _MS, 1, in_readme=True),
    Row("200 streams: first delta, ms", "streams", 200, "first", _MS, 0),
    Row("200 streams: CPU, s", "streams", 200, "cpu", _S, 1, in_readme=True),
    Row("200 streams: threads", "streams", 200, "threads", 1, 0),
    Row("1,000 streams at 1 token/s: p50, ms", "thousand", 1000, "p50", _MS, 1),
    Row("1,000 streams: first delta, ms", "thousand", 1000, "first", _MS, 0),
    Row("1,000 streams: threads", "thousand", 1000, "threads", 1, 0),
    Row("Gradio 6 replica: first delta, ms", "replica", 0, "first", _MS, 1),
    Row("Gradio 6 replica: lateness, p50, ms", "replica", 0, "p50", _MS, 1),
    Row("Gradio 6 replica: lateness, p95, ms", "replica", 0, "p95", _MS, 1),
)


def condensed(results: Results) -> dict[str, Any]:
    """Return the results with the median, the least and the most of each figure in place of its repeats."""
    return {
        "machine": results["machine"],
        "single": {name: _spread(values) for name, values in results["single"].items()},
        "scenarios": [
            {**scenario, "runs": {name: runs and _condensed(runs) for name, runs in scenario["runs"].items()}}
            for scenario in results["scenarios"]
        ],
    }


def _condensed(runs: list[dict[str, Any]]) -> dict[str, Any]:
    fields = [name for name, value in runs[0].items() if isinstance(value, (int, float))]
    found: dict[str, Any] = {}
    for name in fields:
        values = [run[name] for run in runs if run[name] is not None]
        found[name] = _spread(values) if values else None
    if late := [seconds for run in runs for seconds in run["late"] or ()]:
        found["late"] = [round(seconds, 5) for seconds in quantiles(late, n=100, method="inclusive")]
    if tenths := [run["curve"] for run in runs if len(run["curve"]) > 2]:
        found["start"] = _spread([_cost(curve[0], curve[1]) for curve in tenths])
        found["end"] = _spread([_cost(curve[-2], curve[-1]) for curve in tenths])
        found["token"] = _spread([_cost(curve[0], curve[-1]) for curve in tenths])
    return found


def _cost(one: list[float], other: list[float]) -> float:
    """Return the seconds of CPU per token between two readings of the clock."""
    return (other[1] - one[1]) / (other[0] - one[0])


def _spread(values: list[float]) -> list[float]:
    return [round(value, 7) for value in (median(values), min(values), max(values))]


def _value(results: Results, scenario: str, number: int, reader: str, field: str) -> float | None:
    """Return the median of one figure: ``None`` if not measured, infinity if the reader did not end."""
    for found in results["scenarios"]:
        if (found["name"], found["number"]) == (scenario, number) and reader in found["runs"]:
            runs = found["runs"][reader]
            if not runs:
                return float("inf")
            return float(runs[field][0]) if runs.get(field) else None
    return None


def table(results: Results, *, in_readme: bool = False) -> str:
    """Return the figures with a column for each reader; those of the README alone if `in_readme`."""
    columns = _README_COLUMNS if in_readme else _COLUMNS
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    for row in _ROWS:
        if row.in_readme or not in_readme:
            cells = [_cell(results, row, reader) for reader in columns]
            lines.append(f"| {row.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(results: Results, row: Row, reader: str) -> str:
    value = _value(results, row.scenario, row.number, reader, row.field)
    if value is None:
        return ""
    return "no end" if value == float("inf") else f"{value * row.unit:,.{row.places}f}"


Get = Callable[..., float]  # (scenario, reader, field, number=0) -> the median


class Target(NamedTuple):
    """A target: a bound, and the figure of a reader that must not exceed it."""

    title: str
    bound: Callable[[Get], float]
    figure: Callable[[Get, str], float]
    unit: float = _MS


def _same(scenario: str, field: str, number: int = 0) -> Callable[[Get, str], float]:
    return lambda get, reader: get(scenario, reader, field, number)


def _times_raw(scenario: str, raw: Mapping[str, str]) -> Callable[[Get, str], float]:
    return lambda get, reader: get(scenario, reader, "cpu") / get(scenario, raw[reader], "cpu")


_SYNC, _MODE = {OURS: RAW, OURS_ASYNC: RAW}, {OURS: RAW, OURS_ASYNC: RAW_ASYNC}
_TARGETS = (
    Target("lateness p50: raw + 1 ms", lambda get: get("paced", RAW, "p50") + 1e-3, _same("paced", "p50")),
    Target("lateness p95: raw + 4 ms", lambda get: get("paced", RAW, "p95") + 4e-3, _same("paced", "p95")),
    Target("p50: 1/50 of async job", lambda get: get("paced", JOB_ASYNC, "p50") / 50, _same("paced", "p50")),
    Target(
        "first, warm: raw + 15 ms", lambda get: get("paced", RAW, "first") + 15e-3, _same("paced", "first")
    ),
    Target("first, cold: half of job", lambda get: get("cold", JOB, "first") / 2, _same("cold", "first")),
    Target("end tail: raw + 10 ms", lambda get: get("paced", RAW, "tail") + 10e-3, _same("paced", "tail")),
    Target("CPU, burst: 1.5 x raw", lambda _: 1.5, _times_raw("burst", _SYNC), 1),
    Target("CPU, burst: 1.5 x raw of that mode", lambda _: 1.5, _times_raw("burst", _MODE), 1),
    Target("CPU, slow: 1.5 x raw", lambda _: 1.5, _times_raw("slow", _SYNC), 1),
    Target("CPU, slow: 1.5 x raw of that mode", lambda _: 1.5, _times_raw("slow", _MODE), 1),
    Target("peak memory, 8,000 tokens: 8 MB", lambda _: 8.0, _same("memory", "peak"), 1),
    Target(
        "a token, 400 messages of history: 2 x none",
        lambda _: 2.0,
        lambda get, reader: get("history", reader, "token", 400) / get("history", reader, "token"),
        1,
    ),
    Target(
        "a token, last tenth of 50,000: 2 x the first",
        lambda _: 2.0,
        lambda get, reader: get("length", reader, "end", 50_000) / get("length", reader, "start", 50_000),
        1,
    ),
    Target(
        "200 streams, p50: 2 x raw async",
        lambda get: 2 * get("streams", RAW_ASYNC, "p50", 200),
        _same("streams", "p50", 200),
    ),
    Target(
        "1,000 streams: threads, the caller's too", lambda _: 2010.0, _same("thousand", "threads", 1000), 1
    ),
    Target(
        "import: click + 30 ms",
        lambda get: get("single", "import click", "") + 0.03,
        lambda get, _: get("single", "import qwen_spaces", ""),
    ),
    Target(
        "cancel to stop: 150 ms",
        lambda _: 0.15,
        lambda get, _: get("single", "cancel to stop, qwen_spaces", ""),
    ),
)


def targets(results: Results) -> str:
    """Return each target with its bound and what was measured."""

    def get(scenario: str, reader: str, field: str, number: int = 0) -> float:
        if scenario == "single":
            return float(results["single"][reader][0])
        value = _value(results, scenario, number, reader, field)
        return float("nan") if value is None else value

    lines = ["| target | bound | for | async for | |", "| --- | ---: | ---: | ---: | --- |"]
    for target in _TARGETS:
        bound, values = target.bound(get), [target.figure(get, reader) for reader in (OURS, OURS_ASYNC)]
        cells = " | ".join(f"{value * target.unit:.2f}" for value in (bound, *values))
        lines.append(f"| {target.title} | {cells} | {'yes' if max(values) <= bound else 'no'} |")
    return "\n".join(lines)


def write(results: Results) -> None:
    """Put the tables of the README and the whole table between the marks of their files."""
    for path, text, (begin, end) in (
        (_README, why(results), _WHY_MARKS),
        (_README, summary(results), _MARKS),
        (_RESULTS, full(results), _MARKS),
    ):
        before, _, rest = path.read_text().partition(begin)
        _, _, after = rest.partition(end)
        path.write_text(f"{before}{begin}{text}{end}{after}")


def why(results: Results) -> str:
    """Return five rows that compare with a plain `gradio_client`."""
    lines = ["| | `qwen_spaces` | plain `gradio_client` |", "| --- | ---: | ---: |"]
    for row in [row for row in _ROWS if row.in_readme][:5]:
        lines.append(f"| {row.title} | {_cell(results, row, OURS)} | {_cell(results, row, JOB)} |")
    return "\n".join(lines) + "\n"


def summary(results: Results) -> str:
    """Return what the README shows: its rows, and what they were measured on."""
    return f"{table(results, in_readme=True)}\n\n{_machine(results)}\n"


def full(results: Results) -> str:
    """Return the whole table, the figures that have no row, and the targets."""
    return f"{table(results)}\n\n{_machine(results)} {_others(results)}\n\n{targets(results)}\n"


def _machine(results: Results) -> str:
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine.items() if name != "cores")
    return f"Medians of 7 runs, {machine['cores']} cores, loopback; {versions}."


def _others(results: Results) -> str:
    """Return the figures that have no row, and the readers that have no column."""

    def ms(name: str) -> str:
        return f"{results['single'][name][0] * 1e3:.0f} ms"

    sentences = [
        f"`import qwen_spaces` takes {ms('import qwen_spaces')} (`import click` {ms('import click')}, "
        f"`import gradio_client` {ms('import gradio_client')}).",
        f"Connecting takes {ms('connect, qwen_spaces')} (`Client()` {ms('connect, gradio_client')}).",
        f"The server stops {ms('cancel to stop, qwen_spaces')} after `cancel()` "
        f"({ms('cancel to stop, gradio_client')} after `job.cancel()`).",
    ]
    for reader in (G4F, G4F_QVQ):
        if p50 := _value(results, "replica", 0, reader, "p50"):
            p95 = _value(results, "replica", 0, reader, "p95") or 0
            sentences.append(
                f"{reader}, at its replica: lateness p50 {p50 * 1e3:,.1f} ms, p95 {p95 * 1e3:,.1f} ms."
            )
    return " ".join(sentences)
