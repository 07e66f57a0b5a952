"""outlines: text, a stream, and JSON of a type."""

import openai
import outlines
from cells import KEY, MODEL, URL, Person, run

client = openai.OpenAI(base_url=URL, api_key=KEY, max_retries=0)
model = outlines.from_openai(client, MODEL)

run(
    plain=model,
    streaming=model.stream,
    structured=lambda prompt: Person.model_validate_json(model(prompt, Person)),
)
