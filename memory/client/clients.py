"""The clients: one table of what can be asked for, and two ways to send it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from itertools import count
from typing import Any, Generic, Literal, ParamSpec, Self, TypeVar, overload

import anyio
import httpx

import memory.client.calls as calls
import memory.client.knowledge as knowledge
import memory.client.models as models
import memory.client.monitoring as monitoring
import memory.client.recommending as recommending
import memory.client.remembered as remembered
import memory.client.translations as translating
from memory.client.call import Call
from memory.client.errors import ClientError, ServiceProblem, Silent, Unreachable
from memory.client.events import Event, Telling
from memory.client.results import ChatAnswer
from memory.client.retry import Retry
from memory.errors import InvalidInput
from memory.types import check_text

P = ParamSpec("P")
T = TypeVar("T")
Now = TypeVar("Now")
Later = TypeVar("Later")
_CONNECT_SECONDS = 5.0


class Operation(Generic[P, Now, Later]):
    """A method of both clients: what one gives at once the other gives when it is waited for."""

    def __init__(self, call: Callable[P, Call[Any]], by: Literal["send", "events"]) -> None:
        self._call = call
        self._by = by

    @overload
    def __get__(self, client: MemoryClient, owner: type) -> Callable[P, Now]: ...
    @overload
    def __get__(self, client: AsyncMemoryClient, owner: type) -> Callable[P, Later]: ...
    @overload
    def __get__(self, client: None, owner: type) -> Callable[P, Call[Any]]: ...
    def __get__(
        self, client: MemoryClient | AsyncMemoryClient | None, owner: type
    ) -> Callable[P, Any]:
        if client is None:
            return self._call

        @wraps(self._call)
        def ask(*args: P.args, **kwargs: P.kwargs) -> Any:
            return getattr(client, self._by)(self._call(*args, **kwargs))

        return ask


def answered(call: Callable[P, Call[T]]) -> Operation[P, T, Coroutine[Any, Any, T]]:
    """A method whose answer comes as a whole."""
    return Operation(call, "send")


def streamed(
    call: Callable[P, Call[ChatAnswer]],
) -> Operation[P, Generator[Event, None, None], AsyncGenerator[Event, None]]:
    """A method whose answer comes in events."""
    return Operation(call, "events")


class Operations:
    """What a service can be asked for; each as the function says that it is made of."""

    chat = answered(calls.chat)
    stream = streamed(calls.stream)
    prompt = answered(calls.prompt)
    summarize = answered(calls.summarize)
    answer = answered(calls.answer)
    customers = answered(calls.customers)
    queue = answered(calls.queue)
    sessions = answered(calls.sessions)
    session = answered(calls.session)
    messages = answered(calls.messages)
    rate = answered(calls.rate)
    rate_answer = answered(calls.rate_answer)
    hand_over = answered(calls.hand_over)
    give_back = answered(calls.give_back)
    reply = answered(calls.reply)
    delete_session = answered(calls.delete_session)
    memories = answered(remembered.memories)
    memory = answered(remembered.memory)
    add_memory = answered(remembered.add_memory)
    change_memory = answered(remembered.change_memory)
    forget_memory = answered(remembered.forget_memory)
    forget = answered(remembered.forget)
    card = answered(remembered.card)
    recall = answered(remembered.recall)
    export = answered(remembered.export)
    erase = answered(remembered.erase)
    articles = answered(knowledge.articles)
    article = answered(knowledge.article)
    put_article = answered(knowledge.put_article)
    delete_article = answered(knowledge.delete_article)
    search = answered(knowledge.search)
    translate = answered(translating.translate)
    translate_session = answered(translating.translate_session)
    translators = answered(translating.translators)
    import_translations = answered(translating.import_translations)
    translations = answered(translating.translations)
    export_translations = answered(translating.export_translations)
    search_translations = answered(translating.search_translations)
    correct_translation = answered(translating.correct_translation)
    delete_translation = answered(translating.delete_translation)
    put_items = answered(recommending.put_items)
    import_items = answered(recommending.import_items)
    items = answered(recommending.items)
    item = answered(recommending.item)
    delete_item = answered(recommending.delete_item)
    add_events = answered(recommending.add_events)
    customer_events = answered(recommending.customer_events)
    delete_event = answered(recommending.delete_event)
    recommend = answered(recommending.recommend)
    insights = answered(monitoring.insights)
    tenants = answered(monitoring.tenants)
    alerts = answered(monitoring.alerts)
    alert = answered(monitoring.alert)
    put_documents = answered(monitoring.put_documents)
    documents = answered(monitoring.documents)
    delete_document = answered(monitoring.delete_document)
    key = answered(calls.key)
    model = answered(models.model)
    adapters = answered(models.adapters)
    promote = answered(models.promote)
    rollback = answered(models.rollback)

    def __init__(
        self, base_url: str, api_key: str | None, timeout: float, retry: Retry | None
    ) -> None:
        if not _is_address(base_url):
            msg = f"base_url: {base_url!r} is no address: give one such as https://memory.example"
            raise InvalidInput(msg)
        key = os.environ.get("MEMORY_SERVICE_API_KEY") if api_key is None else api_key
        if not key:
            msg = "api_key is missing: give it, or set MEMORY_SERVICE_API_KEY"
            raise InvalidInput(msg)
        if not key.isascii() or not key.isprintable():
            msg = "api_key has a character that no key has: was it copied with something else?"
            raise InvalidInput(msg)
        # OpenAI's clients are given the address with it.
        self._url = base_url.rstrip("/").removesuffix("/v1")
        self._headers = {"Authorization": f"Bearer {key}"}
        self._timeout = httpx.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS))
        self._retry = Retry() if retry is None else retry

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url!r})"  # not the key

    def _request(self, http: httpx.Client | httpx.AsyncClient, call: Call[Any]) -> httpx.Request:
        query = {k: v for k, v in (call.query or {}).items() if v is not None}
        try:
            return http.build_request(
                call.method, self._url + call.path, params=query or None, json=call.body,
                headers=self._headers, timeout=self._timeout,
            )  # fmt: skip
        except UnicodeEncodeError as error:  # a lone surrogate, which no UTF-8 has
            for text in (*_texts(call.body), *_texts(query), error.object):
                check_text(text)
            raise

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx.ReadTimeout as error:
            msg = f"{self._url} was silent for {self._timeout.read:g} seconds, the timeout"
            raise Silent(msg, sent=True) from error
        except httpx.RequestError as error:
            unsent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
            sent = not isinstance(error, unsent)
            what = "did not answer to its end" if sent else "cannot be reached"
            msg = f"{self._url} {what}: {str(error) or type(error).__name__}"
            raise Unreachable(msg, sent=sent) from error

    def _cut(self) -> Unreachable:
        return Unreachable(f"{self._url} did not answer to its end", sent=True)


class MemoryClient(Operations):
    """Asks a service; ``with`` closes its connections. Threads may share one.

    Args:
        base_url: where the service answers.
        api_key: a key, or a customer's own token; else MEMORY_SERVICE_API_KEY.
        timeout: seconds that the service may be silent: an answer that is not streamed comes
            when its last word is written.
        retry: how often what has failed is tried again.
        http: a client of your own, for its certificates or proxy; it is not closed with this one.

    Raises:
        InvalidInput: the address or the key is none. So do the methods, of a name or a text that
            is none; what else goes wrong is a ``ClientError``.
    """

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        timeout: float = 120.0,
        retry: Retry | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        super().__init__(base_url, api_key, timeout, retry)
        self._own = http is None
        self._http = httpx.Client() if http is None else http

    def send(self, call: Call[T]) -> T:
        """Send a request, again where that helps and does no harm."""
        for tried in count():
            try:
                with self._reached():
                    answer = self._http.send(self._request(self._http, call))
                return call.read(_body(answer))
            except ClientError as error:
                time.sleep(self._retry.wait(error, tried, again=call.again))
        raise AssertionError

    def events(self, call: Call[ChatAnswer]) -> Generator[Event, None, None]:
        """Send a request whose answer comes in events; what is cut off is asked for again."""
        telling = Telling()
        for tried in count():
            telling.begin()
            try:
                with self._reached():
                    answer = self._http.send(self._request(self._http, call), stream=True)
                    try:
                        if not answer.is_success:
                            answer.read()
                            _body(answer)
                        for piece in answer.iter_bytes():
                            yield from telling.read(piece)
                    finally:
                        answer.close()
                if telling.ended:
                    return
                raise self._cut()
            except ClientError as error:
                if telling.ended:
                    return
                time.sleep(self._retry.wait(error, tried, again=call.again))

    def close(self) -> None:
        """Close the connections."""
        if self._own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncMemoryClient(Operations):
    """The same methods, to be awaited; ``stream`` with ``async for``. See ``MemoryClient``."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        timeout: float = 120.0,
        retry: Retry | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        super().__init__(base_url, api_key, timeout, retry)
        self._own = http is None
        self._http = httpx.AsyncClient() if http is None else http

    async def send(self, call: Call[T]) -> T:
        """Send a request, again where that helps and does no harm."""
        for tried in count():
            try:
                with self._reached():
                    answer = await self._http.send(self._request(self._http, call))
                return call.read(_body(answer))
            except ClientError as error:
                await anyio.sleep(self._retry.wait(error, tried, again=call.again))
        raise AssertionError

    # One generator, not one in another: a loop that ends closes all that are left open at the same
    # time, and the inner one would be closed twice.
    async def events(self, call: Call[ChatAnswer]) -> AsyncGenerator[Event, None]:
        """Send a request whose answer comes in events; what is cut off is asked for again."""
        telling = Telling()
        for tried in count():
            telling.begin()
            try:
                with self._reached():
                    answer = await self._http.send(self._request(self._http, call), stream=True)
                    try:
                        if not answer.is_success:
                            await answer.aread()
                            _body(answer)
                        async for piece in answer.aiter_bytes():
                            for event in telling.read(piece):
                                yield event
                    finally:
                        await answer.aclose()
                if telling.ended:
                    return
                raise self._cut()
            except ClientError as error:
                if telling.ended:
                    return
                await anyio.sleep(self._retry.wait(error, tried, again=call.again))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._own:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _texts(given: Any) -> Iterator[str]:
    """The texts of what is sent, wherever they stand in it."""
    if isinstance(given, str):
        yield given
    elif isinstance(given, Mapping):
        for pair in given.items():
            yield from _texts(pair)
    elif isinstance(given, (list, tuple)):
        for one in given:
            yield from _texts(one)


def _is_address(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host) and (parsed.port or 0) < 65536


def _body(answer: httpx.Response) -> bytes:
    """The body of an answer.

    Raises:
        ServiceProblem: it is none, but says what is wrong.
    """
    if not answer.is_success:
        retry_after = answer.headers.get("Retry-After")
        raise ServiceProblem.of(answer.status_code, answer.content, retry_after)
    return answer.content
