"""What is wrong with data, model and settings, and what to do about it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

from sqlalchemy import text

from app.conversation import conversation_memory
from app.embeddings import ENGLISH, open_embeddings
from app.interest.trained import CARD, load
from app.language import advice
from app.opening import open_existing
from app.settings import Settings, mistyped
from app.templates.answering import intents_of
from app.templates.reading import files_of, read_templates
from app.understanding.opening import open_understanding
from memory import Catalogue, InvalidInput, Knowledge, MemoryServiceError, MemoryStore, Scope
from memory.translation_memory import TranslationMemory

Finding = tuple[str, str | None, str]  # what was looked at, what is wrong with it, what to do

# Without them Postgres does not wait for the disk, or a power cut can damage its files.
_LOOSE = text(
    "SELECT name FROM pg_settings WHERE setting = 'off' "
    "AND name IN ('fsync', 'synchronous_commit', 'full_page_writes') ORDER BY name"
)
_WITHIN = {"disk", "receipts", "audit log"}  # what is looked for in the database
_LOW_DISK = 200 * 2**20  # bytes


def diagnose(settings: Settings) -> Iterator[Finding]:
    """Look at everything that a start needs; a part that is ill does not hide the others."""
    checks: list[tuple[str, Callable[[Settings], str | None], str]] = [
        ("settings", lambda _: "; ".join(mistyped()) or None, "Correct or unset it."),
        ("data folder", _folder, "Set MEMORY_SERVICE_DATA_DIR to a folder of this user's."),
        ("database", _database, "Restore a backup, or give another --database."),
        ("disk", _disk, "Set it on in postgresql.conf, and reload."),
        ("receipts", _receipts, "Compare with a backup: somebody wrote in the database."),
        ("audit log", _audit, "Compare with a backup: somebody wrote in the database."),
        ("embeddings", _embeddings, "Run `memory-service model pull`, or `doctor --reembed`."),
        ("understanding", _understanding, "Set MEMORY_SERVICE_UNDERSTANDING to a whole one."),
        ("interest", _interest, "Run `memory-service train interest`, or delete the folder."),
        ("language model", _model, "Run `memory-service model pull`, or set --llm."),
        ("templates", _templates, "Correct it; `memory-service templates test FILE` tries it."),
        ("address", _address, "Listen on 127.0.0.1 behind a proxy that speaks TLS."),
    ]
    for name, check, remedy in checks:
        if name in _WITHIN and not settings.database_exists:
            continue  # that it is not there is said once
        try:
            fault = check(settings)
        except MemoryServiceError as error:
            fault = str(error)
        yield name, fault, remedy


def advise(settings: Settings) -> str | None:
    """What would make a service better that is well."""
    if settings.embeddings not in ENGLISH:
        return None
    try:
        with open_existing(settings) as store:
            return advice(store)
    except MemoryServiceError:  # the findings say so
        return None


def reembed_all(store: MemoryStore, settings: Settings) -> int:
    """Drop every vector and make all anew with the model of the settings."""
    encoder = open_embeddings(settings.embeddings)
    store.forget_vectors()
    owners = store.owners()
    for tenant, customer in owners:
        scope = Scope(tenant=tenant, customer=customer)
        conversation_memory(store, scope, settings, encoder).vector.digest()
        TranslationMemory(store, encoder, tenant, customer).embed()
    for tenant in store.knowing():
        Knowledge(store, encoder, tenant).embed()
        TranslationMemory(store, encoder, tenant).embed()
    for tenant in store.cataloguing():
        Catalogue(store, encoder, tenant).embed()
    return len(owners)


def _folder(settings: Settings) -> str | None:
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return f"{folder} cannot be written"
    free = shutil.disk_usage(folder).free
    return f"only {free // 2**20} MB are free in {folder}" if free < _LOW_DISK else None


def _database(settings: Settings) -> str | None:
    with open_existing(settings) as store, store.database.read() as connection:
        if store.database.dialect == "sqlite":
            found = connection.execute(text("PRAGMA quick_check(1)")).scalar()
            return None if found == "ok" else f"it is damaged: {found}"
    return None


def _disk(settings: Settings) -> str | None:
    with open_existing(settings) as store, store.database.read() as connection:
        if store.database.dialect == "sqlite":  # told so with each connection
            return None
        loose = connection.execute(_LOOSE).scalars().all()
    if not loose:
        return None
    return f"Postgres has {', '.join(loose)} off: a power cut may lose what was acknowledged"


def _receipts(settings: Settings) -> str | None:
    with open_existing(settings) as store:
        return store.receipts.fault()


def _audit(settings: Settings) -> str | None:
    with open_existing(settings) as store:
        return store.audit.verify().fault


def _embeddings(settings: Settings) -> str | None:
    encoder = open_embeddings(settings.embeddings)
    if settings.database_exists:
        with open_existing(settings) as store:
            store.check_embeddings(encoder)
    made = encoder.encode(["Where is my order?"])
    return None if made.shape == (1, encoder.dimension) else f"a vector has shape {made.shape}"


def _understanding(settings: Settings) -> str | None:
    if (heads := open_understanding(settings.understanding)) is not None:
        heads.read(["Where is my order?"])
    return None


def _interest(settings: Settings) -> str | None:
    encoder = open_embeddings(settings.embeddings)
    faults = []
    for card in sorted((settings.data_dir / "interest").glob(f"*/{CARD}")):
        try:
            load(card.parent, encoder)
        except InvalidInput as error:
            faults.append(str(error))
    return "; ".join(faults) or None


def _model(settings: Settings) -> str | None:
    from app.llm import open_llm

    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else None
    model = open_llm(settings.llm, api_key=key, timeout=settings.llm_timeout)
    try:
        return model.check()
    finally:
        model.close()


def _templates(settings: Settings) -> str | None:
    if settings.templates is not None:
        intents = intents_of(open_understanding(settings.understanding))
        for file in files_of(settings.templates).values():
            read_templates(file, intents)
    return None


def _address(settings: Settings) -> str | None:
    if settings.host in {"127.0.0.1", "::1", "localhost"}:
        return None
    return f"{settings.host} is open to others, and the key goes over it unencrypted"
