"""instructor: objects, whole and partial, by tools or by JSON."""

import instructor
from cells import KEY, MODEL, URL, VARIANT, Person, run
from openai import OpenAI

openai = OpenAI(base_url=URL, api_key=KEY, max_retries=0)
client = instructor.from_openai(openai, mode=instructor.Mode[VARIANT])


def request(prompt):
    turns = [{"role": "user", "content": prompt}]
    return {"model": MODEL, "messages": turns, "response_model": Person}


def partial(prompt):
    *_, last = client.chat.completions.create_partial(**request(prompt))
    return Person(**last.model_dump())


run(structured=[lambda prompt: client.chat.completions.create(**request(prompt)), partial])
