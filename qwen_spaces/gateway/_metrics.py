"""What the gateway counts for Prometheus; needs ``pip install 'qwen-spaces[metrics]'``."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from starlette.responses import Response

from ._errors import ErrorResponse
from ._log import RequestContext
from ._paths import MODELS

# Seconds; a Space's queue may take minutes.
BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)


class Metrics:
    """The counters of one app, in a registry of its own.

    The labels have few values: the app's paths, its models, statuses, and kinds of errors.

    Args:
        running: returns the number of answers at the moment.
    """

    def __init__(self, running: Callable[[], int]) -> None:
        self.paths: Collection[str] = ()  # of the app; any other is "other"
        self._render: Callable[[Any], bytes] | None = None
        try:
            import prometheus_client as prometheus
        except ModuleNotFoundError:
            return
        self._render, self._type = prometheus.generate_latest, prometheus.CONTENT_TYPE_LATEST
        self._registry = prometheus.CollectorRegistry()
        own: dict[str, Any] = {"namespace": "qwen_spaces", "registry": self._registry}
        self._requests = prometheus.Counter("requests", "Requests.", ["path", "model", "status"], **own)
        self._errors = prometheus.Counter("errors", "Requests that failed.", ["model", "error"], **own)
        self._left = prometheus.Counter("disconnects", "Requests whose client left.", ["model"], **own)
        self._characters = prometheus.Counter("characters", "Characters of answers.", ["model"], **own)
        times: dict[str, Any] = {**own, "buckets": BUCKETS, "labelnames": ["model"]}
        self._first = prometheus.Histogram("first_text_seconds", "Until the first text.", **times)
        self._seconds = prometheus.Histogram("answer_seconds", "Until the end of the answer.", **times)
        prometheus.Gauge("running", "Answers at the moment.", **own).set_function(running)

    def record(self, context: RequestContext) -> None:
        """Count a request that has ended."""
        if self._render is None:
            return
        model = context.model or ""
        status = "none" if context.status is None else str(context.status)
        self._requests.labels(self._path_label(context.path), model, status).inc()
        if context.error:
            self._errors.labels(model, context.error).inc()
        if context.disconnected:
            self._left.labels(model).inc()
        if context.first is not None:
            self._characters.labels(model).inc(context.characters)
            self._first.labels(model).observe(context.first)
            self._seconds.labels(model).observe(context.seconds)

    def _path_label(self, path: str) -> str:
        template = f"{MODELS}/{{model}}" if path.startswith(f"{MODELS}/") else path
        return template if template in self.paths else "other"

    def response(self) -> Response:
        """Return the counters in Prometheus' form."""
        if self._render is None:
            message = "The metrics need: pip install 'qwen-spaces[metrics]'"
            return ErrorResponse(404, message, "metrics_not_installed")
        return Response(self._render(self._registry), media_type=self._type)
