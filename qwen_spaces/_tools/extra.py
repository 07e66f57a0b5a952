"""The optional dependencies, imported at their first use."""

from __future__ import annotations

from ..errors import MissingExtraError

try:
    import json_repair
    import jsonschema
    import pydantic
    import pydantic_core
    import referencing
except ModuleNotFoundError as _error:
    raise MissingExtraError(
        f"Tools and structured output need {_error.name}: pip install 'qwen-spaces[tools]'"
    ) from _error

__all__ = ["json_repair", "jsonschema", "pydantic", "pydantic_core", "referencing"]
