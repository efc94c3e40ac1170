"""From a model's address to the model."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from app.llm.model import Choices, Model, UnusableModel
from app.llm.states import States

# Drivers are imported when they are asked for: the embedded server is not needed by those who
# have another, nor the OpenAI client by those who try the service without a model.
_DRIVERS = {
    "embedded": "app.llm.embedded:EmbeddedModel",
    "http": "app.llm.openai:OpenAIModel",
    "https": "app.llm.openai:OpenAIModel",
    "huggingface": "app.llm.huggingface:HuggingFaceModel",
    "fake": "app.llm.echo:open_fake",
}


def open_llm(
    url: str,
    *,
    api_key: str | None = None,
    timeout: float = 60.0,
    max_tokens: int | None = 512,
    temperature: float | None = 0.2,
    threads: int | None = None,
    context: int = 8192,
    slots: int = 4,
    adapter: Callable[[str], Path | None] = lambda _: None,
    states: States | None = None,
    summaries: Callable[[str], Path | None] = lambda _: None,
) -> Model:
    """Open the model at an address.

    ``embedded:`` (or ``embedded:FILE.gguf``) runs in this process; ``http(s)://host/v1#model``
    speaks the OpenAI protocol (without ``#model`` the server's only one); ``huggingface:BASE`` or
    ``huggingface:BASE#ADAPTER`` runs in this process on torch; ``fake:echo`` is no model and
    repeats the message.

    Args:
        url: the address.
        api_key: what an http(s) model asks for.
        timeout: seconds that a model may be silent.
        max_tokens: the longest answer. None: what the model's server thinks best.
        temperature: how freely the model chooses its words. None: as its server thinks best.
        threads: for reading prompts, embedded only. None: one for each core.
        context: tokens of a prompt and its answer together; the embedded server shares as many
            among all its conversations.
        slots: how many answers the embedded server gives at a time.
        adapter: of the base that is served, by its sha256, the adapter's GGUF file; embedded
            only.
        states: where it is kept what was read of conversations, so that who comes back need not
            be read again; embedded only.
        summaries: of the base that is served, by its sha256, the GGUF file of the adapter that
            writes summaries; embedded only.

    Raises:
        UnusableModel: the address is none of these, or what is there cannot be used.
        WeightsMissing: the embedded model has not been pulled, or is damaged.
    """
    scheme, colon, _ = url.partition(":")
    driver = _DRIVERS.get(scheme.lower()) if colon else None
    if driver is None:
        msg = (
            f"{url!r} is no address of a language model: use embedded:,"
            " http(s)://host/v1#model, huggingface:BASE#ADAPTER or fake:echo"
        )
        raise UnusableModel(msg)
    module, _, name = driver.partition(":")
    opened: Callable[[str, Choices], Model] = getattr(import_module(module), name)
    return opened(
        url,
        Choices(
            api_key,
            timeout,
            max_tokens,
            temperature,
            threads,
            context,
            slots,
            adapter,
            states,
            summaries,
        ),
    )
