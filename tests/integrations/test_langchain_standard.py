"""LangChain's standard tests of a chat model, for `ChatQwenSpace` against replicas."""

from __future__ import annotations

import importlib
import types
from typing import Any

import httpx
import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from qwen_spaces.integrations.langchain import ChatQwenSpace

from ..support.images import PNG
from ..support.servers import Servers


@pytest.mark.filterwarnings("ignore:ChatQwenSpace ignores")
class TestUnit(ChatModelUnitTests):
    chat_model_class = ChatQwenSpace
    # The saved token does not become the object's: it goes to Hugging Face's hosts only.
    init_from_env_params = {"HF_TOKEN": "hf_saved"}, {}, {"token": None}

    @pytest.fixture(autouse=True)
    def listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """LangChain's `load` knows only the classes of its partners."""
        load = importlib.import_module("langchain_core.load.load")
        monkeypatch.setitem(load._default_class_paths_cache, "all", {tuple(ChatQwenSpace.lc_id())})


class TestTextSpace(ChatModelIntegrationTests):
    chat_model_class = ChatQwenSpace
    returns_usage_metadata = False
    supports_json_mode = False  # a replica reads no description of JSON in a prompt
    model_override_value = "qwen-2-72b"
    name = "qwen-2.5"

    @pytest.fixture(autouse=True)
    def replica(self, servers: Servers) -> None:
        self.src = servers[self.name]

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": self.name, "src": self.src}


class TestVisionSpace(TestTextSpace):
    name = "qvq-72b"
    model_override_value = None  # no other contract fits its replica
    supports_image_inputs = True

    @pytest.fixture(autouse=True)
    def local_image(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Replace the image that the tests would fetch from the network."""
        fetched = types.SimpleNamespace(get=lambda url, timeout: httpx.Response(200, content=PNG))
        monkeypatch.setattr("langchain_tests.integration_tests.chat_models.httpx", fetched)
