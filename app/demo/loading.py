"""The invented shop, put into a database."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

from app.demo.lately import done_lately, moved_on
from app.embeddings import open_embeddings
from app.importing import import_from
from app.items import items_of
from app.knowledge.documents import read_article
from app.progress import bar
from app.settings import SYSTEM, Settings
from app.sources.formats import open_source
from app.sources.source import Options
from app.understanding.opening import open_understanding
from memory import Catalogue, Encoder, Item, Knowledge, MemoryStore, Scope
from memory.clock import now

SHOP = Path(__file__).parent / "shop"
CUSTOMERS = SHOP / "customers.jsonl"
PRODUCTS = SHOP / "products.csv"
EVENTS = SHOP / "events.csv"
CURRENCY = "£"
TEMPLATES = SHOP / "templates.yaml"
DEMO_SYSTEM = f"{SYSTEM} You work for the shop Wrenholt Home & Garden."
TO_TRY = (
    "Try this:",
    '  1. Be the customer mara-okafor and ask "Where is my order?": a template answers, filled '
    "from what is remembered; no model is asked.",
    '  2. Ask "How do I care for my teak bench?": the model is given help articles to cite, and '
    "the panel shows which.",
    '  3. Ask "Do you rent out party tents?": nobody here knows, and that is said.',
    '  4. Say "I ask for the third time now, and I am really angry.": the mood falls.',
    '  5. Be ines-duarte and ask "What is my address?": it is the one she corrected.',
    "  6. Open the card of tom-hallworth: his open problem, and what he was promised after it.",
    "  7. Look at *Views*, *Recommendations*: what would suit ines-duarte, and why.",
)


def load_shop(store: MemoryStore, settings: Settings) -> tuple[int, int]:
    """Add the shop's articles, FAQ and products as knowledge, its customers with their history, and
    its products as a catalogue with what customers did with them.

    What is there already stays as it is. The history is as if it had ended this week.

    Returns:
        How many documents and how many conversations there are.

    Raises:
        MemoryServiceError: the database or the embedding model cannot be used.
    """
    encoder = open_embeddings(settings.embeddings)
    files = [*sorted(SHOP.glob("articles/*.md")), SHOP / "faq.csv", PRODUCTS]
    # Called by its place in the shop, which is the same wherever the package lies.
    articles = [
        replace(read_article(file), source=file.relative_to(SHOP).as_posix()) for file in files
    ]
    knowledge = Knowledge(store, encoder)
    for article in bar(articles, desc="articles", unit="file", leave=False):
        knowledge.put([article])
    understanding = open_understanding(settings.understanding)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, CUSTOMERS.name)
        lines = (json.dumps(one, ensure_ascii=False) for one in moved_on(CUSTOMERS, now()))
        file.write_text("\n".join(lines), encoding="utf-8")
        history = open_source(str(file), Options())
        report = import_from(store, settings, encoder, history, understanding)
    _load_catalogue(store, encoder)
    return len(articles), report.conversations


def _load_catalogue(store: MemoryStore, encoder: Encoder) -> None:
    catalogue = Catalogue(store, encoder)
    if not catalogue.newest(1):
        items = items_of(PRODUCTS.read_text(encoding="utf-8"), "csv")
        catalogue.put([_as_it_is(item) for item in items])
    for customer, done in done_lately(EVENTS, CUSTOMERS, now()).items():
        store.events.add(Scope(customer).owner, done)


def _as_it_is(item: Item) -> Item:
    """A product with what its table leaves out: the shop's currency, and whether it can be had."""
    there = item.metadata["stock"] != 0 or "Made when ordered" in item.text
    return replace(item, metadata={**item.metadata, "currency": CURRENCY}, available=there)
