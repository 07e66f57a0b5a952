"""smolagents: its model, and an agent that writes code or calls tools."""

import smolagents
from cells import KEY, MODEL, URL, VARIANT, get_weather, run

model = smolagents.OpenAIModel(model_id=MODEL, api_base=URL, api_key=KEY)


def messages(prompt):
    return [smolagents.ChatMessage(role="user", content=prompt)]


def agent(prompt):
    kind = getattr(smolagents, VARIANT)
    return kind(tools=[smolagents.tool(get_weather)], model=model, max_steps=4).run(prompt)


run(
    plain=lambda prompt: model.generate(messages(prompt)).content,
    streaming=lambda prompt: (delta.content for delta in model.generate_stream(messages(prompt))),
    tools=agent,
)
