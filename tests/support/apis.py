"""API infos and configs of Gradio apps, as a server sends them."""

from __future__ import annotations

from typing import Any

from qwen_spaces import Message

TEXT = {"type": "string"}
PAIRS = {"type": "array", "items": {"type": "array", "maxItems": 2, "minItems": 2}}
TURNS = (Message("user", "a"), Message("assistant", "b"), Message("user", "Hi"))


def role_messages(content: dict[str, Any]) -> dict[str, Any]:
    message = {"type": "object", "properties": {"role": TEXT, "content": content}}
    return {"$defs": {"Message": message}, "type": "array", "items": {"$ref": "#/$defs/Message"}}


def endpoint(*, puts_out: Any = (), **parameters: Any) -> dict[str, Any]:
    """Return an endpoint of an API info. A parameter is a schema, or a schema and a default.

    The schema may hold the name of the component.
    """
    rows = []
    for name, described in parameters.items():
        schema, *default = described if isinstance(described, tuple) else (described,)
        rows.append(
            {
                "parameter_name": name,
                "type": schema,
                "component": schema.get("component"),
                "parameter_has_default": bool(default),
                "parameter_default": default[0] if default else None,
            }
        )
    return {"parameters": rows, "returns": [{"type": schema} for schema in puts_out]}


def streaming(*names: str) -> dict[str, Any]:
    """Return a config in which these endpoints stream."""
    return {"dependencies": [{"api_name": name.strip("/"), "types": {"generator": True}} for name in names]}


def component(number: int, kind: str, schema: Any = None, **props: Any) -> dict[str, Any]:
    """Return a component of a config."""
    return {
        "id": number,
        "type": kind,
        "props": props,
        "skip_api": kind in ("state", "button"),
        "api_info": schema or {},
    }


def event(number: int, name: Any, inputs: Any, outputs: Any, *targets: Any, **more: Any) -> dict[str, Any]:
    """Return an event of a config; a target is a component's number and what happens to it."""
    return {
        "id": number,
        "api_name": name,
        "inputs": list(inputs),
        "outputs": list(outputs),
        "targets": [list(target) for target in targets],
        "trigger_after": more.pop("after", None),
        "types": {"generator": more.pop("streams", False)},
        "backend_fn": more.pop("backend_fn", True),
        **more,
    }
