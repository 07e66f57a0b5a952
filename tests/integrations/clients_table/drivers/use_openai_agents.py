"""openai-agents, over Responses (its default) or chat completions."""

import asyncio

from agents import Agent, Runner, function_tool, set_default_openai_api
from cells import MODEL, VARIANT, Person, get_weather, run

set_default_openai_api("responses" if VARIANT == "responses" else "chat_completions")
LOOP = asyncio.new_event_loop()  # the client keeps its connections, so all cells share one


def ask(prompt, **more):
    run = Runner.run(Agent(name="helper", model=MODEL, **more), prompt)
    return LOOP.run_until_complete(run).final_output


def stream(prompt, **more):
    return LOOP.run_until_complete(deltas(prompt, **more))


async def deltas(prompt, **more):
    result = Runner.run_streamed(Agent(name="helper", model=MODEL, **more), prompt)
    return [
        event.data.delta
        async for event in result.stream_events()
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta"
    ]


run(
    plain=ask,
    streaming=stream,
    tools=[
        lambda prompt: ask(prompt, tools=[function_tool(get_weather)]),
        lambda prompt: "".join(stream(prompt, tools=[function_tool(get_weather)])),
    ],
    structured=lambda prompt: ask(prompt, output_type=Person),
)
