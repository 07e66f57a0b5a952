"""autogen: an assistant that answers, streams, calls a tool, or gives an object."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from cells import KEY, MODEL, URL, Person, get_weather, run

INFO = {"vision": False, "function_calling": True, "json_output": True, "structured_output": True}
client = OpenAIChatCompletionClient(
    model=MODEL, base_url=URL, api_key=KEY, max_retries=0, model_info={**INFO, "family": "unknown"}
)

LOOP = asyncio.new_event_loop()  # the client keeps its connections, so all cells share one


def ask(prompt, **more):
    agent = AssistantAgent("helper", client, **more)
    return LOOP.run_until_complete(agent.run(task=prompt)).messages[-1].content


async def stream(prompt):
    agent = AssistantAgent("helper", client, model_client_stream=True)
    events = agent.run_stream(task=prompt)
    return [event.content async for event in events if type(event).__name__.endswith("ChunkEvent")]


run(
    plain=ask,
    streaming=lambda prompt: LOOP.run_until_complete(stream(prompt)),
    tools=lambda prompt: ask(prompt, tools=[get_weather], reflect_on_tool_use=True),
    structured=lambda prompt: ask(prompt, output_content_type=Person),
)
