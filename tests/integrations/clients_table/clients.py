"""The clients: what to install for each, and the script that drives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DRIVERS = Path(__file__).parent / "drivers"
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Client:
    """A row of the table.

    Args:
        name: how the row is called.
        driver: the script in `drivers`.
        packages: what to install for it; the first is the one whose version the table shows.
        variant: the argument of the driver, where one drives several rows.
    """

    name: str
    driver: str
    packages: Sequence[str]
    variant: str = ""

    @property
    def script(self) -> Path:
        return DRIVERS / self.driver

    @property
    def from_npm(self) -> bool:
        return self.driver.endswith(".mjs")


def rows_of(driver: str, packages: Sequence[str], **variants: str) -> list[Client]:
    """Return a row for each variant, which all use one environment."""
    return [Client(name, driver, packages, variant) for variant, name in variants.items()]


AI_SDK = ("ai", "@ai-sdk/openai", "@ai-sdk/openai-compatible", "zod")
LANGGRAPH = ("langgraph", "langchain", "langchain-openai", "-e", f"{ROOT}[langchain]")

CLIENTS: Sequence[Client] = [
    *rows_of("use_openai.py", ["openai<3"], chat="openai 2", responses="openai 2, Responses"),
    *rows_of("use_openai.py", ["openai>=3"], chat="openai 3", responses="openai 3, Responses"),
    *rows_of(
        "use_openai_agents.py", ["openai-agents"], responses="openai-agents", chat="openai-agents, chat"
    ),
    *rows_of(
        "use_pydantic_ai.py",
        ["pydantic-ai-slim[openai]"],
        **{"openai": "pydantic-ai `openai:`", "openai-chat": "pydantic-ai `openai-chat:`"},
    ),
    *rows_of("use_instructor.py", ["instructor"], TOOLS="instructor, TOOLS", JSON="instructor, JSON"),
    *rows_of(
        "use_smolagents.py",
        ["smolagents[openai]"],
        CodeAgent="smolagents, CodeAgent",
        ToolCallingAgent="smolagents, ToolCallingAgent",
    ),
    *rows_of(
        "use_langgraph.py",
        LANGGRAPH,
        ChatOpenAI="LangGraph, ChatOpenAI",
        ChatQwenSpace="LangGraph, ChatQwenSpace",
    ),
    Client("LlamaIndex", "use_llama_index.py", ["llama-index-core", "llama-index-llms-openai-like"]),
    Client("Haystack", "use_haystack.py", ["haystack-ai"]),
    Client("autogen", "use_autogen.py", ["autogen-agentchat", "autogen-ext[openai]"]),
    Client("crewai", "use_crewai.py", ["crewai"]),
    Client("dspy", "use_dspy.py", ["dspy"]),
    Client("magentic", "use_magentic.py", ["magentic"]),
    Client("outlines", "use_outlines.py", ["outlines[openai]"]),
    Client("litellm", "use_litellm.py", ["litellm"]),
    Client("aider", "use_aider.py", ["aider-chat"]),
    Client("gr.load_chat", "use_load_chat.py", ["gradio", "openai"]),
    *rows_of("use_openai.mjs", ["openai"], chat="npm openai", responses="npm openai, Responses"),
    *rows_of(
        "use_ai_sdk.mjs",
        AI_SDK,
        **{"openai": "ai-sdk `openai`", "openai-compatible": "ai-sdk `openai-compatible`"},
    ),
]
