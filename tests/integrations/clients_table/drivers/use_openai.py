"""The `openai` package: chat completions or Responses."""

import json

from cells import FUNCTION, KEY, MODEL, URL, VARIANT, Person, get_weather, run
from openai import OpenAI

client = OpenAI(base_url=URL, api_key=KEY, max_retries=0)


def messages(prompt):
    return [{"role": "user", "content": prompt}]


def plain(prompt):
    return client.chat.completions.create(model=MODEL, messages=messages(prompt)).choices[0].message.content


def streaming(prompt):
    for chunk in client.chat.completions.create(model=MODEL, messages=messages(prompt), stream=True):
        yield chunk.choices[0].delta.content


def create(**request):
    return client.chat.completions.create(**request).choices[0].message


def parse(**request):
    return client.chat.completions.parse(**request).choices[0].message


def stream(**request):
    with client.chat.completions.stream(**request) as stream:
        return stream.get_final_completion().choices[0].message


def tools(answer):
    """Give the loop of an agent, which takes its answers whole or as streams."""

    def loop(prompt):
        request = {"model": MODEL, "tools": [{"type": "function", "function": FUNCTION}]}
        turns = messages(prompt)
        while (message := answer(messages=turns, **request)).tool_calls:
            turns.append(message.model_dump(include={"role", "content", "tool_calls"}))
            for call in message.tool_calls:
                result = get_weather(**json.loads(call.function.arguments))
                turns.append({"role": "tool", "tool_call_id": call.id, "content": result})
        return message.content

    return loop


def structured(answer):
    return lambda prompt: answer(model=MODEL, messages=messages(prompt), response_format=Person).parsed


def plain_response(prompt):
    return client.responses.create(model=MODEL, input=prompt).output_text


def streaming_response(prompt):
    with client.responses.stream(model=MODEL, input=prompt) as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                yield event.delta


def stream_response(**request):
    with client.responses.stream(**request) as stream:
        return stream.get_final_response()


def calls_of(response):
    return [item for item in response.output if item.type == "function_call"]


def tools_response(answer):
    def loop(prompt):
        request = {"model": MODEL, "tools": [{"type": "function", "strict": False, **FUNCTION}]}
        items = messages(prompt)
        while calls := calls_of(response := answer(input=items, **request)):
            items += [item.model_dump(exclude={"parsed_arguments"}) for item in response.output]
            for call in calls:
                result = get_weather(**json.loads(call.arguments))
                items.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
        return response.output_text

    return loop


def structured_response(answer):
    return lambda prompt: answer(model=MODEL, input=prompt, text_format=Person).output_parsed


if VARIANT == "chat":
    run(
        plain=plain,
        streaming=streaming,
        tools=[tools(create), tools(stream)],
        structured=[structured(parse), structured(stream)],
    )
else:
    run(
        plain=plain_response,
        streaming=streaming_response,
        tools=[tools_response(client.responses.create), tools_response(stream_response)],
        structured=[structured_response(client.responses.parse), structured_response(stream_response)],
    )
