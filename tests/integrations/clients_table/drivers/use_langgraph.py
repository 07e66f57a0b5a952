"""LangGraph's agent, with LangChain's model for OpenAI or with the one of this package."""

import os

from cells import MODEL, VARIANT, Person, get_weather, run
from langchain.agents import create_agent


def make_model():
    if VARIANT == "ChatOpenAI":
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(model=MODEL)
    from qwen_spaces.integrations.langchain import ChatQwenSpace

    return ChatQwenSpace(model=MODEL, src=os.environ["REPLICA"])


model = make_model()


def turns(prompt):
    return {"messages": [("user", prompt)]}


def streaming(prompt):
    for message, _ in create_agent(model, []).stream(turns(prompt), stream_mode="messages"):
        yield message.text


def tools(prompt):
    return create_agent(model, [get_weather]).invoke(turns(prompt))["messages"][-1].text


def tools_streamed(prompt):
    *_, last = create_agent(model, [get_weather]).stream(turns(prompt), stream_mode="values")
    return last["messages"][-1].text


def agent_structured(prompt):
    return create_agent(model, [], response_format=Person).invoke(turns(prompt))["structured_response"]


run(
    plain=lambda prompt: create_agent(model, []).invoke(turns(prompt))["messages"][-1].text,
    streaming=streaming,
    tools=[tools, tools_streamed],
    structured=[model.with_structured_output(Person).invoke, agent_structured],
)
