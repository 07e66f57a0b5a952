"""litellm: its `completion`, in all ways."""

import json

import litellm
from cells import FUNCTION, KEY, MODEL, URL, Person, get_weather, run


def complete(turns, **more):
    settings = {"model": f"openai/{MODEL}", "api_base": URL, "api_key": KEY, "max_retries": 0}
    turns = [{"role": "user", "content": turns}] if isinstance(turns, str) else turns
    return litellm.completion(messages=turns, **settings, **more)


def tools(prompt):
    turns, offered = [{"role": "user", "content": prompt}], [{"type": "function", "function": FUNCTION}]
    while True:
        message = complete(turns, tools=offered).choices[0].message
        if not message.tool_calls:
            return message.content
        turns.append(message)
        for call in message.tool_calls:
            result = get_weather(**json.loads(call.function.arguments))
            turns.append({"role": "tool", "tool_call_id": call.id, "content": result})


def structured(prompt):
    return Person.model_validate_json(complete(prompt, response_format=Person).choices[0].message.content)


run(
    plain=lambda prompt: complete(prompt).choices[0].message.content,
    streaming=lambda prompt: (part.choices[0].delta.content for part in complete(prompt, stream=True)),
    tools=tools,
    structured=structured,
)
