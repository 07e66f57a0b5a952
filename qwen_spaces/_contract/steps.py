"""Fit the calls that come first to the API of a Space. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from .api import ApiEndpoint
from .contract import Step


def fit_steps(steps: Iterable[Step], endpoints: Sequence[ApiEndpoint]) -> tuple[Step, ...]:
    """Return the steps without the blanks that the Space's endpoints do not have.

    Example:
        >>> step = Step("/add", {"prompt": "text"}, blanks=("audio", "video"))
        >>> fit_steps([step], [ApiEndpoint("/add", ())])
        (Step(endpoint='/add', names={'prompt': 'text'}, blanks=()),)
    """
    has = {endpoint.name: endpoint.by_name for endpoint in endpoints}
    return tuple(
        dataclasses.replace(step, blanks=tuple(name for name in step.blanks if name in has[step.endpoint]))
        for step in steps
    )
