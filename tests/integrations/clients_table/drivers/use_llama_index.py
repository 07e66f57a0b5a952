"""LlamaIndex: `OpenAILike` as completion and as chat, an agent, and a structured program."""

import asyncio

from cells import KEY, MODEL, URL, Person, get_weather, run
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike

settings = {"model": MODEL, "api_base": URL, "api_key": KEY, "max_retries": 0}
completing = OpenAILike(**settings)  # by its default it asks for completions
chatting = OpenAILike(**settings, is_chat_model=True, is_function_calling_model=True)


async def agent(prompt):
    return await FunctionAgent(tools=[get_weather], llm=chatting).run(prompt)


run(
    plain=[
        lambda prompt: completing.complete(prompt).text,
        lambda prompt: chatting.chat([ChatMessage(prompt)]).message.content,
    ],
    streaming=[
        lambda prompt: [part.delta for part in completing.stream_complete(prompt)],
        lambda prompt: [part.delta for part in chatting.stream_chat([ChatMessage(prompt)])],
    ],
    tools=lambda prompt: asyncio.run(agent(prompt)),
    structured=lambda prompt: chatting.as_structured_llm(Person).complete(prompt).raw,
)
