"""Support chat in two languages: a session for who reads another language than its customer's."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from app.chains import bilingual
from app.dependencies import EncoderDep, Guarded, SessionDep, StoreDep, TranslationsDep
from app.feed import unless_gone
from app.problems import no_such_session
from app.routes.turns import nobody_reads
from app.schemas.bilingual import Transcript, TranscriptRequest, TranslatedMessage
from memory.translation_memory import TranslationMemory

router = APIRouter(prefix="/v1/customers/{customer}", tags=["customers"], route_class=Guarded)

RESPONSES: dict[int | str, dict[str, Any]] = {
    409: {"description": "No translator is set for these languages."},
    502: {"description": "The translator failed. What it had translated before is remembered."},
    503: {"description": "The translator is not asked: too many wait for it, its server is down, "
          "or the service is being stopped. Also when the database is away."},
    504: {"description": "The translator did not answer in time."},
}  # fmt: skip


@router.post("/sessions/{session}/translations", response_model=Transcript, responses=RESPONSES)
async def translate_session(
    scope: SessionDep, body: TranscriptRequest, request: Request, chain: TranslationsDep,
    store: StoreDep, encoder: EncoderDep,
) -> Response:  # fmt: skip
    """The session's last messages with their translations, oldest first.

    By the customer's own translation memory, as `POST /v1/translate`: what was translated once
    costs nothing again, and goes with the session and the customer.
    """
    found = await run_sync(store.transcript.newest, scope, body.limit + 1, body.before)
    page = found[-body.limit :]
    if not page and body.before is None:
        raise no_such_session(scope)
    source = body.source or await run_sync(bilingual.language_in, store, scope)
    memory = TranslationMemory(store, encoder, scope.tenant, scope.customer)
    said = [one.message for one in page]
    work = bilingual.read(chain, memory, said, source, body.target, surely=body.source is not None)
    made = await unless_gone(request, work)
    if made is None:
        return nobody_reads()
    transcript = Transcript(
        source=source, target=body.target, messages=[TranslatedMessage.of(one) for one in made],
        next=page[0].message.seq if len(found) > body.limit else None,
    )  # fmt: skip
    return JSONResponse(transcript.model_dump(mode="json"))
