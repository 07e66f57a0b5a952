"""Structured output with LangChain's parsers."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.pydantic import is_basemodel_subclass


def structured_output(
    model: BaseChatModel,
    schema: dict[str, Any] | type,
    method: str,
    *,
    include_raw: bool,
    **unknown: Any,
) -> Runnable[Any, Any]:
    """Return a model whose answers are parsed; see `ChatQwenSpace.with_structured_output`."""
    if unknown or method not in ("json_schema", "json_mode"):
        given = ", ".join(unknown) or f"method={method!r}"
        raise ValueError(f"with_structured_output does not take {given}.")
    given_format: dict[str, Any] = {"type": "json_object"}
    if method == "json_schema":
        given_format = {"type": "json_schema", "json_schema": {"schema": convert_to_json_schema(schema)}}
    parser: Runnable[Any, Any] = JsonOutputParser()
    if isinstance(schema, type) and is_basemodel_subclass(schema):
        parser = PydanticOutputParser(pydantic_object=schema)
    traced = {"kwargs": {"method": method}, "schema": schema}
    answers = model.bind(response_format=given_format, ls_structured_output_format=traced)
    if not include_raw:
        return answers | parser
    failed: Runnable[Any, Any] = RunnablePassthrough.assign(parsed=lambda _: None)
    parsed: Runnable[Any, Any] = RunnablePassthrough.assign(
        parsed=itemgetter("raw") | parser, parsing_error=lambda _: None
    )
    return RunnableMap(raw=answers) | parsed.with_fallbacks([failed], exception_key="parsing_error")
