"""The tests of the replicas need Gradio, which takes seconds to import: not before one of them runs."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("gradio") else ["test_*.py"]
