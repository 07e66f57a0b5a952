"""crewai: its model, and an agent with a task."""

from cells import KEY, MODEL, URL, Person, get_weather, run
from crewai import LLM, Agent
from crewai.tools import tool

llm = LLM(model=f"openai/{MODEL}", base_url=URL, api_key=KEY)
weather = tool("get_weather")(get_weather)


def agent(*tools):
    return Agent(role="helper", goal="help", backstory="You help.", llm=llm, tools=list(tools))


def streaming(prompt):
    from crewai.events import LLMStreamChunkEvent, crewai_event_bus

    deltas = []
    with crewai_event_bus.scoped_handlers():
        crewai_event_bus.on(LLMStreamChunkEvent)(lambda _, event: deltas.append(event.chunk))
        LLM(model=f"openai/{MODEL}", base_url=URL, api_key=KEY, stream=True).call(prompt)
        crewai_event_bus.flush()
    return deltas


run(
    plain=llm.call,
    streaming=streaming,
    tools=lambda prompt: agent(weather).kickoff(prompt).raw,
    structured=lambda prompt: agent().kickoff(prompt, response_format=Person).pydantic,
)
