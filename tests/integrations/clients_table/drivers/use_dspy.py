"""dspy: its model, `Predict`, `ReAct`, and a typed signature through its JSON adapter."""

import asyncio

import dspy
from cells import KEY, MODEL, URL, Person, get_weather, run

lm = dspy.LM(f"openai/{MODEL}", api_base=URL, api_key=KEY, cache=False, num_retries=0)
dspy.configure(lm=lm)


class Describe(dspy.Signature):
    """Describe a person."""

    question: str = dspy.InputField()
    person: Person = dspy.OutputField()


async def stream(prompt):
    listener = dspy.streaming.StreamListener(signature_field_name="answer")
    predict = dspy.streamify(dspy.Predict("question -> answer"), stream_listeners=[listener])
    parts = predict(question=prompt)
    return [part.chunk async for part in parts if isinstance(part, dspy.streaming.StreamResponse)]


def structured(prompt):
    with dspy.context(adapter=dspy.JSONAdapter()):
        return dspy.Predict(Describe)(question=prompt).person


run(
    plain=lambda prompt: dspy.Predict("question -> answer")(question=prompt).answer,
    streaming=lambda prompt: asyncio.run(stream(prompt)),
    tools=lambda prompt: dspy.ReAct("question -> answer", tools=[get_weather])(question=prompt).answer,
    structured=structured,
)
