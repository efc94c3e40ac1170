"""/v1/translate and /v1/translation-memory: translated once, remembered."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from app.chains.translate import Segment, Translated
from app.dependencies import (
    EncoderDep,
    Guarded,
    PrincipalDep,
    SettingsDep,
    StoreDep,
    TranslationsDep,
    check_known,
    described,
    named,
)
from app.feed import unless_gone
from app.problems import Problem, check_size
from app.roles import Principal
from app.routes.bilingual import RESPONSES
from app.routes.turns import nobody_reads
from app.schemas.customers import Deleted
from app.schemas.fields import Name
from app.schemas.paging import Before, Limit, MayBeNew, paged
from app.schemas.translations import (
    Correction,
    ImportRequest,
    ImportResponse,
    LanguageTag,
    LeftOutCount,
    MatchItem,
    TranslateRequest,
    TranslateResponse,
    TranslationFile,
    TranslationItem,
    TranslationPage,
    TranslationSearch,
    TranslationSearchResponse,
    TranslatorItem,
    TranslatorList,
)
from app.translators import primary
from app.translators.detection import detect, unlike
from memory import Encoder, InvalidInput, MemoryStore
from memory.bitexts import Bitext, FileFormat, read_bitext, write_bitext
from memory.translation_memory import TranslationMemory
from memory.translations import Pair, Translation, scope_of

router = APIRouter(tags=["translations"], route_class=Guarded)

IMPORT_BYTES = 8 << 20  # of a request that imports
_ID = 32  # characters
_NAMED = 8  # of a file's languages
_FEW = 32  # translations that are embedded before the answer
_RESPONSES = {status: said for status, said in RESPONSES.items() if status != 409}
_NO_CUSTOMER: dict[int | str, dict[str, Any]] = {404: {"description": "No such customer."}}
_NO_UNIT: dict[int | str, dict[str, Any]] = {
    404: {"description": "There is no such translation, or no such customer."}
}

Whose = Annotated[Name | None, Query(description="whose they are; without it: everybody's")]
Kind = Annotated[FileFormat, Query(alias="format")]
From = Annotated[LanguageTag | None, Query(description="one of two languages")]
Into = Annotated[LanguageTag | None, Query(description="the other one")]


def _unit(
    unit: Annotated[str, Path(examples=["9c1f04b1"], json_schema_extra=described(_ID))],
) -> str:
    return named("unit", unit, _ID)


UnitDep = Annotated[str, Depends(_unit)]


def _memory(
    who: Principal, store: MemoryStore, encoder: Encoder, customer: str | None, *, new: bool = False
) -> TranslationMemory:
    """A customer's translations, or everybody's; of a ``new`` customer there may be none."""
    if customer is not None:
        scope = who.scope(customer)
        if not new:
            check_known(store, scope)
    return TranslationMemory(store, encoder, who.tenant, customer)


@router.post("/v1/translate", response_model=TranslateResponse, responses=_RESPONSES)
async def translate(
    body: TranslateRequest, request: Request, who: PrincipalDep, chain: TranslationsDep,
    store: StoreDep, encoder: EncoderDep, settings: SettingsDep,
) -> Response:  # fmt: skip
    """Translate a text, sentence by sentence.

    What is known, but for numbers, names, case and spaces, is answered from memory. Close
    translations are shown, and given to the translator, as are the terms of the glossary. What it
    makes is remembered. Where no translator is set, the closest translation stands in, or the
    sentence stays as it is: `complete` says so. Where the text is surely in another language than
    the `source` given, `looks_like` says in which.
    """
    check_size(body.text, settings.max_message_bytes)
    source = body.source or await run_sync(detect, [body.text])
    other = await run_sync(unlike, body.text, body.source) if body.source else None
    if source is None:
        msg = "It cannot be told in which language the text is: give it as `source`."
        raise InvalidInput(msg)
    memory = _memory(who, store, encoder, body.customer, new=True)
    if body.source is None and primary(source) == primary(body.target):
        made: Translated | None = Translated(body.text, [Segment(body.text, body.text, "same")])
    else:
        pair = Pair(source, body.target)
        work = chain.translate(memory, body.text, pair, remember=body.remember and other is None)
        made = await unless_gone(request, work)
    if made is None:
        return nobody_reads()
    return JSONResponse(TranslateResponse.of(made, source, other).model_dump(mode="json"))


@router.get("/v1/translate")
async def translators(who: PrincipalDep, chain: TranslationsDep) -> TranslatorList:  # noqa: ARG001
    """Who translates what no memory knows, and between which languages."""
    return TranslatorList(
        translators=[TranslatorItem(name=one.name, pairs=one.pairs) for one in chain.translators]
    )


@router.post("/v1/translation-memory")
def import_translations(
    body: ImportRequest, who: PrincipalDep, store: StoreDep, encoder: EncoderDep
) -> ImportResponse:
    """Remember translations: of a TMX or CSV file, or listed; all of them or none.

    Of a text of several sentences each is remembered, where both sides have as many. A translation
    of the very text that is there takes its place. Agents may add to a customer's own alone.
    """
    if who.role == "agent" and body.customer is None:
        detail = (
            "A key of the role agent adds to a customer's own translations: name the `customer`. "
            "What all customers share is for an admin to add."
        )
        raise Problem(403, "forbidden", "Forbidden", detail)
    given, left_out, _ = _given(body)
    memory = _memory(who, store, encoder, body.customer, new=True)
    added, replaced = memory.put(given)
    if len(given) <= _FEW:
        memory.embed_some()
    left = LeftOutCount.model_validate(left_out)
    return ImportResponse(read=len(given), added=added, replaced=replaced, left_out=left)


@router.get("/v1/translation-memory", responses=_NO_CUSTOMER)
def translations(
    who: PrincipalDep, store: StoreDep, encoder: EncoderDep,
    source: From = None, target: Into = None, customer: Whose = None, terms: bool = False,
    limit: Limit = 100, before: Before = None, may_be_new: MayBeNew = False,
) -> TranslationPage:  # fmt: skip
    """What is remembered, the last changed first; of two languages, either way; terms alone."""
    _memory(who, store, encoder, customer, new=may_be_new)
    owner = scope_of(who.tenant, customer)
    found = store.translations.newest(owner, limit + 1, before, _both(source, target), terms=terms)
    page, older = paged(found, limit, lambda one: one.seq)
    return TranslationPage(translations=[TranslationItem.of(one) for one in page], next=older)


@router.get("/v1/translation-memory/export", responses=_NO_CUSTOMER)
def export_translations(
    who: PrincipalDep, store: StoreDep, encoder: EncoderDep, kind: Kind = "tmx",
    source: From = None, target: Into = None, customer: Whose = None,
) -> TranslationFile:  # fmt: skip
    """All that is remembered as the text of a file, which `POST /v1/translation-memory` takes."""
    _memory(who, store, encoder, customer)
    every = store.translations.every(scope_of(who.tenant, customer), _both(source, target))
    text = write_bitext(every[::-1], kind)
    return TranslationFile(format=kind, text=text, translations=len(every))


@router.post("/v1/translation-memory/search", responses=_NO_CUSTOMER)
def search_translations(
    body: TranslationSearch, who: PrincipalDep, store: StoreDep, encoder: EncoderDep
) -> TranslationSearchResponse:
    """The translations of texts like this one, the closest first, and the terms in it."""
    pair = body.pair
    memory = _memory(who, store, encoder, body.customer)
    same = memory.exact(body.text, pair)
    near = memory.near(body.text, pair, body.limit, body.floor)
    found = [*([same] if same else ()), *(one for one in near if not same or one.id != same.id)]
    return TranslationSearchResponse(
        found=[MatchItem.of(one) for one in found[: body.limit]],
        terms=memory.terms(body.text, pair),
    )


@router.put("/v1/translation-memory/{unit}", responses=_NO_UNIT)
def correct_translation(
    unit: UnitDep, body: Correction, who: PrincipalDep, store: StoreDep, encoder: EncoderDep
) -> TranslationItem:
    """Correct a translation; it may get another id, as other numbers and names stand in it."""
    memory = _memory(who, store, encoder, body.customer)
    made = memory.change(unit, body.target)
    if made is None:
        raise _no_unit(unit)
    return TranslationItem.of(made)


@router.delete("/v1/translation-memory/{unit}", responses=_NO_UNIT)
def delete_translation(
    unit: UnitDep, who: PrincipalDep, store: StoreDep, encoder: EncoderDep, customer: Whose = None
) -> Deleted:
    """Forget a translation: nothing is translated by it any more."""
    if not _memory(who, store, encoder, customer).remove(unit):
        raise _no_unit(unit)
    return Deleted(deleted={"translations": 1})


def _given(body: ImportRequest) -> Bitext:
    """The translations of an import, and how many of its file are left out, by why.

    Raises:
        InvalidInput: there are none, there are two sources of them, or one cannot be kept.
    """
    if (body.text is None) == (body.units is None) or (body.text is None) != (body.format is None):
        msg = "Send either a `text` with its `format`, or `units`."
        raise InvalidInput(msg)
    if body.text is not None and body.format is not None:
        found = read_bitext(body.text, body.format, body.pair, terms=body.terms)
        if not found.translations:
            within = ", ".join(tag for tag, _ in found.languages.most_common(_NAMED) if tag)
            msg = f"The file has no translation from `{body.source}` into `{body.target}`."
            if within:
                msg = (
                    f"The file has no translation from `{body.source}` into `{body.target}`: "
                    f"it is in {within}."
                )
            raise InvalidInput(msg)
        return found
    units = body.units or []
    listed = [
        Translation(body.pair, one.source, one.target, "person", one.term or body.terms)
        for one in units
    ]
    return Bitext(listed, Counter(), Counter())


def _both(source: str | None, target: str | None) -> Pair | None:
    """The two languages that are asked for, if any are."""
    if (source is None) != (target is None):
        msg = "Name both languages, `source` and `target`, or none."
        raise InvalidInput(msg)
    return None if source is None or target is None else Pair(source, target)


def _no_unit(unit: str) -> Problem:
    detail = f"There is no translation {unit!r}: GET /v1/translation-memory lists them."
    return Problem(404, "no-such-translation", "No such translation", detail)
