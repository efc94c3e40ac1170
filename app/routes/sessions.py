"""/v1/customers/{customer}/sessions: what was said, how good it was, and who answers."""

from __future__ import annotations

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, status

from app.chains import bilingual
from app.dependencies import (
    ChainDep,
    CustomerDep,
    EncoderDep,
    Guarded,
    ModelDep,
    PrincipalDep,
    SessionDep,
    SettingsDep,
    StoreDep,
    TranslationsDep,
    check_known,
    described,
    named,
)
from app.problems import NO_CUSTOMER, Problem, check_size, no_such_session
from app.routes.bilingual import RESPONSES
from app.schemas.customers import Deleted
from app.schemas.paging import After, AllOrLimit, Before, Limit, MayBeNew, place, placed
from app.schemas.recall import evidence
from app.schemas.sessions import (
    GivenCount,
    Handover,
    MessageItem,
    MessageList,
    OriginalItem,
    RatingRequest,
    ReplyRequest,
    Saying,
    SessionDetail,
    SessionItem,
    SessionList,
    StoppedAnswer,
    SummaryItem,
)
from app.schemas.understanding import understood
from memory import InvalidInput, Scope, turns
from memory.transcript import Used
from memory.translation_memory import TranslationMemory
from memory.translations import Pair

router = APIRouter(prefix="/v1/customers/{customer}", tags=["customers"], route_class=Guarded)


def _turn_id(
    turn: Annotated[
        str, Path(description="the `turn` of an answer", json_schema_extra=described())
    ],
) -> str:
    return named("turn", turn)


TurnDep = Annotated[str, Depends(_turn_id)]


@router.get("/sessions", responses=NO_CUSTOMER)
def sessions(
    scope: CustomerDep,
    store: StoreDep,
    limit: AllOrLimit = None,
    after: After = None,
    may_be_new: MayBeNew = False,
) -> SessionList:
    """List the customer's sessions, the last used first; all of them without a `limit`."""
    last_one = None if after is None else Used(*placed(after))
    if not may_be_new:
        check_known(store, scope)
    found = store.transcript.sessions(scope.owner, None if limit is None else limit + 1, last_one)
    page = found[:limit]
    return SessionList(
        sessions=[SessionItem.of(session) for session in page],
        next=place(page[-1].session, page[-1].updated_at) if len(found) > len(page) else None,
    )


@router.get("/sessions/{session}")
def session(scope: SessionDep, who: PrincipalDep, store: StoreDep) -> SessionDetail:
    """One session with its summary and the customer's mood in it, which is for staff."""
    found = store.transcript.session(scope)
    if found is None:
        raise no_such_session(scope)
    summary = store.summaries.latest(scope)
    return SessionDetail(
        **SessionItem.of(found).model_dump(),
        summary=SummaryItem(text=summary.text, version=summary.version) if summary.text else None,
        mood=None if who.customer else store.labelling.mood(scope.owner, scope.session),
        saying=_saying(store.turns.saying(scope)),
    )


@router.get("/sessions/{session}/messages")
def messages(
    scope: SessionDep,
    who: PrincipalDep,
    store: StoreDep,
    limit: Limit = 100,
    before: Before = None,
) -> MessageList:
    """The session's last messages, oldest first; what is known of them is for staff."""
    found = store.transcript.newest(scope, limit + 1, before)  # one more: are there older ones?
    page = found[-limit:]
    if not page and before is None and store.transcript.session(scope) is None:
        raise no_such_session(scope)
    return MessageList(
        messages=[
            MessageItem(id=m.id, role=m.role, text=m.text, at=m.at, turn=m.turn,
                        status=said.status, template=said.template, by_person=m.by_person,
                        original=None if who.customer else OriginalItem.of(m),
                        rating=None if who.customer else said.rating,
                        given=None if who.customer else GivenCount.of(said),
                        evidence=evidence((said.recalled or {}).get("evidence")),
                        understanding=None if who.customer else understood(m.labels))
            for said in page
            for m in (said.message,)
        ],
        next=page[0].message.seq if len(found) > limit else None,
    )  # fmt: skip


@router.delete("/sessions/{session}")
def delete_session(scope: SessionDep, store: StoreDep, model: ModelDep) -> Deleted:
    """Delete the session with its records, vectors and summaries."""
    deleted = store.delete_session(scope)
    model.drop(scope.owner)
    if not deleted:
        raise no_such_session(scope)
    return Deleted(deleted=deleted)


@router.delete("/sessions/{session}/answer")
async def stop_answer(scope: SessionDep, chain: ChainDep, store: StoreDep) -> StoppedAnswer:
    """Stop the answer that is under way in the session, if one is; what was said is kept."""
    if await run_sync(store.transcript.session, scope) is None:
        raise no_such_session(scope)
    return StoppedAnswer(stopped=await chain.stop_answer(scope))


@router.put("/sessions/{session}/rating")
def rate(scope: SessionDep, body: RatingRequest, store: StoreDep) -> RatingRequest:
    """Say how well the agent did: a model can be tuned on the sessions rated good."""
    if not store.transcript.rate(scope, body.rating):
        raise no_such_session(scope)
    return body


@router.put("/turns/{turn}/rating")
def rate_answer(
    scope: CustomerDep, turn: TurnDep, body: RatingRequest, store: StoreDep
) -> RatingRequest:
    """Say how good an answer was: no model is tuned on one that is rated bad."""
    if not store.turns.rate(scope.owner, turn, body.rating):
        detail = (
            f"Customer {scope.customer!r} has no turn {turn!r} with an answer: "
            "GET .../messages has them."
        )
        raise Problem(404, "no-such-turn", "No such turn", detail)
    return body


@router.put("/sessions/{session}/handover")
def hand_over(scope: SessionDep, chain: ChainDep, store: StoreDep) -> Handover:
    """Let a person answer from now on, who is told what they need to know.

    What the customer says meanwhile is stored, and waits for `POST .../replies`; no model and no
    template answers. Asked for again it tells what is so now.
    """
    if not store.transcript.hand_over(scope):
        raise no_such_session(scope)
    memory = chain.memory(scope)
    return Handover(
        session=_session_item(scope, store), summary=memory.in_few_words(), card=memory.card()
    )


@router.delete("/sessions/{session}/handover")
def give_back(scope: SessionDep, store: StoreDep) -> SessionItem:
    """Let the model answer again."""
    if not store.transcript.give_back(scope):
        raise no_such_session(scope)
    return _session_item(scope, store)


@router.post(
    "/sessions/{session}/replies",
    status_code=status.HTTP_201_CREATED,
    responses={
        **RESPONSES,
        409: {
            "description": "The session was not handed over: the model answers in it. Or it could "
            "not be translated: no translator is set, or some of the translation is missing."
        },
    },
)
async def reply(
    scope: SessionDep,
    body: ReplyRequest,
    chain: ChainDep,
    translations: TranslationsDep,
    store: StoreDep,
    encoder: EncoderDep,
    settings: SettingsDep,
) -> MessageItem:
    """Answer the customer as a person, in a session that was handed over.

    With a `source` the customer reads its translation, and staff see both.
    """
    for text in (body.text, body.translation or ""):
        check_size(text, settings.max_message_bytes)
    text, original = body.text, None
    if body.source is None and (body.target or body.translation):
        msg = "Say in which language the `text` is, as `source`, or send it alone."
        raise InvalidInput(msg)
    if body.source is not None:
        await run_sync(_check_handed_over, store, scope)  # before it is translated for nothing
        target = await run_sync(bilingual.customers_language, store, scope, body.target)
        if target != body.source:
            pair = Pair(body.source, target)
            memory = TranslationMemory(store, encoder, scope.tenant, scope.customer)
            text, original = await bilingual.write(
                translations, memory, text, pair, body.translation
            )
    said = await run_sync(chain.memory(scope).reply, text, original)
    if said is None:
        raise await run_sync(_not_handed_over, store, scope)
    chain.digests.changed(scope)
    return MessageItem(
        id=said.id, role=said.role, text=said.text, at=said.at, turn=said.turn,
        status="complete" if said.turn else None, template=None, by_person=True,
        original=OriginalItem.of(said), rating=None,
        given=None, evidence=None, understanding=None,
    )  # fmt: skip


def _check_handed_over(store: StoreDep, scope: Scope) -> None:
    found = store.transcript.session(scope)
    if found is None or found.handed_over_at is None:
        raise _not_handed_over(store, scope)


def _not_handed_over(store: StoreDep, scope: Scope) -> Problem:
    if store.transcript.session(scope) is None:
        return no_such_session(scope)
    detail = "The model answers in this session: hand it over first, by PUT .../handover."
    return Problem(409, "not-handed-over", "Not handed over", detail)


def _saying(found: turns.Saying | None) -> Saying | None:
    return None if found is None else Saying(**found._asdict())


def _session_item(scope: Scope, store: StoreDep) -> SessionItem:
    found = store.transcript.session(scope)
    if found is None:
        raise no_such_session(scope)
    return SessionItem.of(found)
