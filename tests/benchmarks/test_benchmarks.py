"""The benchmarks measure what they claim, and the README and RESULTS.md show what was measured."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from . import report
from .question import WIDTH, Question, late, token
from .record import Record

HERE = Path(__file__).parent


def test_a_token_holds_the_time_of_its_sending() -> None:
    before = time.monotonic()
    assert len(text := token()) == WIDTH
    assert 0.0 <= late(text, time.monotonic()) <= time.monotonic() - before + 1e-6
    assert late("999999999 ", 1000.000001) == pytest.approx(2e-6)  # the clock of the tokens begins again


def test_each_token_is_late_by_the_delta_that_brought_it(monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record()
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    record.more("099999000 099")  # a token and the start of another
    now = 100.5
    record.more("999500 099999900 ")
    record.end()
    assert record.lateness() == pytest.approx([0.001, 0.5005, 0.5001])
    assert record.tail() == pytest.approx(0.5001)
    whole = Record()
    whole.whole("099999000 ")
    whole.whole("099999000 099999500 ")
    assert whole.lateness() == pytest.approx([0.501, 0.5005])


def test_a_question_survives_its_prompt() -> None:
    question = Question(5, 0.1, 4)
    assert Question.read(f"User: {question.prompt()}\nAssistant:") == question
    assert [message["role"] for message in question.messages()] == ["user", "assistant"] * 2 + ["user"]


def test_the_readme_shows_six_rows_of_the_results_and_links_to_all() -> None:
    results = json.loads((HERE / "results.json").read_text())
    readme = (HERE.parents[1] / "README.md").read_text()
    assert report.summary(results) in readme
    assert f"<!-- why -->\n{report.why(results)}<!-- end of why -->" in readme
    assert report.table(results, in_readme=True).count("\n") == 1 + 6
    assert "(tests/benchmarks/RESULTS.md)" in readme
    assert report.full(results) in (HERE / "RESULTS.md").read_text()
