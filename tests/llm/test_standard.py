"""LangChain's suites for chat models over the echo and the embedded server's client.

What a class does not do it says by its capabilities, and the suite skips those tests: the echo
calls no tools and gives no structured output, and no class here reads pictures, sound or PDF. None
is one of LangChain's serializable classes, and none reads settings from the environment: the
service has them from its own.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from app.llm import Model
from app.llm.echo import EchoChat
from app.llm.room_chat import RoomChat

pytestmark = pytest.mark.anyio


class TestEchoUnit(ChatModelUnitTests):
    """``fake:echo``."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        """Ours."""
        return EchoChat


class TestEcho(ChatModelIntegrationTests):
    """``fake:echo``, which has one model."""

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        """Ours."""
        return EchoChat

    @property
    def supports_model_override(self) -> bool:
        """It is what it is."""
        return False


class _Embedded:
    """The embedded server's client, which is ``ChatOpenAI`` but for waiting for room."""

    params: ClassVar[dict[str, Any]] = {}

    @pytest.fixture(autouse=True)
    def _opened(self, embedded: Model) -> None:
        chat = embedded.chat
        assert isinstance(chat, RoomChat)
        names = (
            "room",
            "model_name",
            "openai_api_base",
            "http_client",
            "http_async_client",
            "stream_usage",
        )
        self.params.update({name: getattr(chat, name) for name in names})
        self.params["api_key"] = chat.openai_api_key

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        """Ours."""
        return RoomChat

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """What it was opened with."""
        return self.params


class TestEmbeddedUnit(_Embedded, ChatModelUnitTests):
    """``embedded:``; tools and structured output are asked for as of any OpenAI server."""


class TestEmbedded(_Embedded, ChatModelIntegrationTests):
    """``embedded:``, with SmolLM2-135M, which has not learnt to call tools or to keep to a schema;
    the server has that one model.
    """

    @property
    def chat_model_params(self) -> dict[str, Any]:
        """Short answers."""
        return {**self.params, "max_tokens": 4, "temperature": 0.0}

    @property
    def has_tool_calling(self) -> bool:
        """The model has not learnt it."""
        return False

    @property
    def has_structured_output(self) -> bool:
        """Nor this."""
        return False

    @property
    def supports_model_override(self) -> bool:
        """Another model is another server."""
        return False
