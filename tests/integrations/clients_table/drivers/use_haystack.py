"""Haystack: the generator, its callback, its agent, and `response_format`."""

from cells import KEY, MODEL, URL, Person, get_weather, run
from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import create_tool_from_function
from haystack.utils import Secret


def generator(**more):
    return OpenAIChatGenerator(
        model=MODEL, api_base_url=URL, api_key=Secret.from_token(KEY), max_retries=0, **more
    )


def ask(prompt, **more):
    return generator(**more).run([ChatMessage.from_user(prompt)])["replies"][0].text


def streaming(prompt):
    deltas = []
    text = ask(prompt, streaming_callback=lambda chunk: deltas.append(chunk.content))
    assert text == "".join(deltas)
    return deltas


def tools(prompt):
    agent = Agent(chat_generator=generator(), tools=[create_tool_from_function(get_weather)])
    return agent.run(messages=[ChatMessage.from_user(prompt)])["messages"][-1].text


def structured(prompt):
    return Person.model_validate_json(ask(prompt, generation_kwargs={"response_format": Person}))


run(plain=ask, streaming=streaming, tools=tools, structured=structured)
