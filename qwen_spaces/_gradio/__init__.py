"""The only package that knows `gradio_client`; imported at the first connection, for it is slow to import."""

from .connection import Connection
from .job import missing_hooks

__all__ = ["Connection", "missing_hooks"]
