"""magentic: prompt functions that give text, a stream, a call or an object."""

from cells import KEY, MODEL, URL, Person, get_weather, run
from magentic import OpenaiChatModel, StreamedStr, prompt, prompt_chain

model = OpenaiChatModel(MODEL, api_key=KEY, base_url=URL)


@prompt("{question}", model=model)
def plain(question: str) -> str: ...


@prompt("{question}", model=model)
def streaming(question: str) -> StreamedStr: ...


@prompt_chain("{question}", functions=[get_weather], model=model)
def tools(question: str) -> str: ...


@prompt("{question}", model=model)
def structured(question: str) -> Person: ...


run(plain=plain, streaming=streaming, tools=tools, structured=structured)
