"""Models that speak the OpenAI chat protocol: vLLM, Ollama, llama.cpp, hosted ones."""

from __future__ import annotations

from collections.abc import Callable

import httpx
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from app.llm.model import Choices, Model, UnusableModel
from app.llm.relay import AsyncRelayTransport, Relay, RelayTransport
from memory import Breaker

_CHECK_SECONDS = 5.0
_CONNECT_SECONDS = 5.0  # a server that is there takes a connection at once, however busy it is


class OpenAIModel(Model):
    """A model at ``http(s)://host/v1#model``.

    A failed request is not tried again behind the caller's back: a turn's message is kept, and
    ``timeout`` means what it says. It is believed to take tools and formats: its server says so
    otherwise.
    """

    takes_tools = True
    takes_formats = True

    def __init__(
        self,
        url: str,
        choices: Choices,
        *,
        name: str | None = None,
        relay: Relay | None = None,
        chat: Callable[..., BaseChatModel] = ChatOpenAI,
    ) -> None:
        """Open the model.

        Args:
            url: where the API is, with the model's name in its fragment.
            choices: how the model is opened.
            name: what the model is to be called; by default what the server calls it.
            relay: what sends the requests, where the server may be replaced; then no proxy is
                taken from the environment.
            chat: what speaks to the server: ChatOpenAI, or what takes the same arguments.

        Raises:
            UnusableModel: no model is named, and the server does not have just one.
        """
        self._url, _, model = url.rstrip("/").partition("#")
        if httpx.URL(self._url).userinfo:  # it would be seen: the address is shown
            msg = "a model's address has no password: give its key as MEMORY_SERVICE_LLM_API_KEY"
            raise UnusableModel(msg)
        # What the server does not ask for it ignores, and the client insists on some key.
        key = choices.api_key or "none"
        headers = {"Authorization": f"Bearer {key}"}
        # One connection for each answer: none outlives the event loop that opened it.
        limits = httpx.Limits(max_keepalive_connections=0)
        timeout = httpx.Timeout(choices.timeout, connect=min(_CONNECT_SECONDS, choices.timeout))
        self._client = httpx.Client(
            headers=headers, timeout=timeout, trust_env=relay is None,
            transport=RelayTransport(relay, trust_env=False) if relay else None,
        )  # fmt: skip
        self._async_client = httpx.AsyncClient(
            headers=headers, timeout=timeout, trust_env=relay is None, limits=limits,
            transport=AsyncRelayTransport(relay, trust_env=False, limits=limits) if relay else None,
        )  # fmt: skip
        try:
            model = model or self._only_model()
        except BaseException:
            self._client.close()
            raise
        client = chat(
            model=model, base_url=self._url, api_key=SecretStr(key), timeout=timeout,
            max_tokens=choices.max_tokens, temperature=choices.temperature, max_retries=0,
            stream_usage=True, use_responses_api=False,
            # It would be asyncio.wait_for, which on Python 3.11 may swallow a cancellation: the
            # model would go on for a client that has left. httpx has the timeout.
            stream_chunk_timeout=None,
            openai_proxy=None,  # or OPENAI_PROXY, which it refuses beside clients of our own
            http_client=self._client, http_async_client=self._async_client,
        )  # fmt: skip
        super().__init__(client, name or model, choices.context)
        if relay is None:
            self.breaker = Breaker(f"the model server at {httpx.URL(self._url).netloc.decode()}")

    def check(self) -> str | None:
        """What keeps the server from answering, or None."""
        try:
            status = self._client.get(f"{self._url}/models", timeout=_CHECK_SECONDS).status_code
        except httpx.HTTPError as error:
            return f"{self._url} does not answer ({type(error).__name__}: {error})"
        if status in (401, 403):
            return f"{self._url} refuses the key: set MEMORY_SERVICE_LLM_API_KEY"
        return f"{self._url} answers with status {status}" if status >= 500 else None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _only_model(self) -> str:
        """The name of the server's only model."""
        try:
            response = self._client.get(f"{self._url}/models", timeout=_CHECK_SECONDS)
            names = [str(each["id"]) for each in response.raise_for_status().json()["data"]]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            msg = f"{self._url}/models does not say which models there are ({error})"
            raise UnusableModel(f"{msg}: name one, {self._url}#MODEL") from error
        if len(names) != 1:
            msg = f"{self._url} has {len(names)} models: name one of them, {self._url}#MODEL"
            raise UnusableModel(": ".join([msg, ", ".join(names)] if names else [msg]))
        return names[0]
