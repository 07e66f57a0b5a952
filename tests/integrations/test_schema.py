"""The gateway keeps to its OpenAPI schema, whatever it is sent."""

from __future__ import annotations

import hypothesis
import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

from qwen_spaces import available_spaces
from qwen_spaces.gateway import create_app


def base_url(gateway: str) -> str:
    return gateway.removesuffix("/v1")


settings = hypothesis.settings(
    max_examples=20, derandomize=True, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)


schema = schemathesis.openapi.from_dict(create_app().openapi())


@schema.include(path_regex="^/v1/").parametrize()
@settings
def test_responses_fit_the_schema(case: schemathesis.Case, gateway: str) -> None:
    # A body that fits the schema may still be invalid.
    case.call_and_validate(base_url(gateway), excluded_checks=[positive_data_acceptance])


@schema.include(path="/v1/chat/completions").parametrize()
@hypothesis.settings(settings, phases=[hypothesis.Phase.generate])
def test_responses_to_valid_requests_fit_the_schema(case: schemathesis.Case, gateway: str) -> None:
    hypothesis.assume(case.meta.generation.mode.is_positive)
    options = {option for facade in available_spaces() for option in facade.options}
    # These fit one another, and JSON's own schema.
    options |= {"tools", "tool_choice", "functions", "function_call", "response_format"}
    body = {name: value for name, value in case.body.items() if name not in options}
    texts = [turn for turn in body["messages"] if isinstance(turn.get("content"), str)]
    body |= {"model": "qwen-2.5", "messages": [*texts, {"role": "user", "content": "Hi"}]}
    for stream in (False, True):
        case.body = {**body, "stream": stream}
        answer = case.call_and_validate(base_url(gateway), excluded_checks=[positive_data_acceptance])
        assert answer.status_code == 200, answer.text
