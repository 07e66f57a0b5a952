"""What is measured: each scenario is one kind of question, put to every reader in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .question import Question

RAW, RAW_ASYNC = "raw httpx", "raw httpx, async"
OURS, OURS_ASYNC = "qwen_spaces, for", "qwen_spaces, async for"
JOB, JOB_ASYNC = "gradio_client, for", "gradio_client, async for"
OPENAI, NODE = "openai SDK", "@gradio/client, Node"
G4F, G4F_QVQ = "g4f, Qwen2.5", "g4f, QVQ"

READERS = (RAW, OURS, OURS_ASYNC, JOB, JOB_ASYNC)
ALL = (*READERS[:1], RAW_ASYNC, *READERS[1:], OPENAI, NODE)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One question to several readers.

    Attributes:
        name: of the kind, and the number that varies in it, if one does.
        server: ``"instant"``, or the name of a replica.
        count: answers at once.
        cold: whether each answer opens its connection anew.
        curve: tokens between two looks at the CPU clock; 0 never looks.
        repeats: how often each reader is measured, after one answer that does not count.
        fresh: whether each measurement has a process of its own, for memory once had is kept.
        patience: seconds, after which a reader has failed and gets no more questions.
    """

    name: str
    readers: tuple[str, ...]
    question: Question
    number: int = 0
    server: str = "instant"
    count: int = 1
    cold: bool = False
    curve: int = 0
    repeats: int = 7
    fresh: bool = False
    patience: float = 60.0


def scenarios() -> Iterator[Scenario]:
    """All of them, in the order in which they are run."""
    yield Scenario("paced", ALL, Question(500, 0.01))
    yield Scenario("cold", (RAW, OURS, OURS_ASYNC, JOB, JOB_ASYNC, NODE), Question(20, 0.01), cold=True)
    yield Scenario("burst", ALL, Question(2000))
    yield Scenario("slow", (RAW, RAW_ASYNC, OURS, OURS_ASYNC, JOB), Question(200, 0.1))
    yield Scenario("memory", ALL, Question(8000), fresh=True)
    for tokens in (100, 1000, 10_000, 50_000):
        # At 50,000 the SDK would keep 12 GB of cumulative outputs.
        readers = (RAW, OURS, OURS_ASYNC, JOB) if tokens <= 10_000 else (RAW, OURS, OURS_ASYNC)
        yield Scenario("length", readers, Question(tokens), tokens, curve=max(tokens // 10, 10))
    for turns in (0, 20, 100, 400):
        question = Question(500, 0.002, turns)
        yield Scenario("history", (RAW, OURS, OURS_ASYNC, JOB), question, turns, curve=50)
    for count in (1, 10, 50, 200):
        readers = (RAW_ASYNC, OURS, OURS_ASYNC, JOB, JOB_ASYNC, NODE)
        yield Scenario("streams", readers, Question(20, 0.1), count, count=count)
    thousand = Question(5, 1.0)
    yield Scenario("thousand", (RAW_ASYNC, OURS, OURS_ASYNC), thousand, 1000, count=1000, patience=120.0)
    yield Scenario("replica", (*ALL[:-2], NODE), Question(200, 0.01), server="qwen-2-72b")
    yield Scenario("replica", (G4F,), Question(200, 0.01), server="qwen-2.5")
    yield Scenario("replica", (G4F_QVQ,), Question(200, 0.01), server="qvq-72b")
