"""pydantic-ai: a plain answer, a stream, a tool, and an output type by each of its ways."""

import asyncio

from cells import MODEL, VARIANT, Person, get_weather, run
from pydantic_ai import Agent, NativeOutput, PromptedOutput

NAME = f"{VARIANT}:{MODEL}"
LOOP = asyncio.new_event_loop()  # the client keeps its connections, so all cells share one
asyncio.set_event_loop(LOOP)


async def stream(prompt):
    async with Agent(NAME).run_stream(prompt) as result:
        return [delta async for delta in result.stream_text(delta=True, debounce_by=None)]


def stream_tools(prompt):
    async def run():
        async with Agent(NAME, tools=[get_weather]).run_stream(prompt) as result:
            return await result.get_output()

    return LOOP.run_until_complete(run())


def structured(output_type):
    return lambda prompt: Agent(NAME, output_type=output_type).run_sync(prompt).output


run(
    plain=lambda prompt: Agent(NAME).run_sync(prompt).output,
    streaming=lambda prompt: LOOP.run_until_complete(stream(prompt)),
    tools=[lambda prompt: Agent(NAME, tools=[get_weather]).run_sync(prompt).output, stream_tools],
    structured=[structured(kind) for kind in (Person, NativeOutput(Person), PromptedOutput(Person))],
)
