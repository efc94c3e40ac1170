"""Articles with questions whose answers are known to be in them, from a folder.

One of these:

- your own: ``questions.jsonl`` with ``{"question", "article"}``, the article's file name or null
  where nothing answers it, and the articles as files in the folder ``articles``;
- FAQ, ``faq.jsonl`` with ``{"id", "domain", "entity", "question", "answer"}``, by ids such as
  ``hotel-3-...``, whose first two parts are the entity's. Beside it there may be
  ``reviews.jsonl`` with ``{"id", "entity", "sentences"}``, and ``dialogues_dev.jsonl`` with
  ``{"turns", "labels": {"knowledge": [{"id", "sentence"}]}}``: then the last turns are the
  questions, else the FAQ's own, whose answers alone are the passages;
- documents with tasks, ``kb_banking_documents.jsonl`` with ``{"id", "title", "text"}`` and
  ``tasks.jsonl`` with ``{"scenario", "required_documents"}``.

Each may end with ``.gz``.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.jsonl import lines
from app.knowledge.documents import article_of, read_article
from memory import Article, InvalidInput

_BEFORE = 5  # turns before the question that it is read with


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and what answers it.

    Attributes:
        text: the question.
        gold: the passages' ids that answer it, or the articles' sources; none if nothing does.
        about: what was said before it.
        within: the sources of the entity that is asked about, where it is known.
    """

    text: str
    gold: frozenset[str]
    about: str = ""
    within: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """Articles and questions; ``learnt`` are those on which weights have been set."""

    articles: list[Article]
    questions: list[Question]
    by_passage: bool = False  # what gold names
    learnt: list[Question] = field(default_factory=list)


def read_corpus(folder: Path) -> Corpus:
    """The corpus in a folder.

    Raises:
        InvalidInput: there is none, or a line cannot be read; says what there should be.
    """
    for name, read in _READERS.items():
        if (file := _file(folder, name)) is not None:
            try:
                corpus = read(folder, file)
            except (KeyError, TypeError, AttributeError) as error:
                msg = f"{folder}: a line lacks something ({type(error).__name__}: {error})"
                raise InvalidInput(msg) from error
            if not corpus.questions:
                msg = f"{folder} has no questions to measure with: give some"
                raise InvalidInput(msg)
            return corpus
    msg = (
        f"{folder} has neither questions.jsonl nor faq.jsonl nor kb_banking_documents.jsonl: "
        "`--data` takes a folder with articles and questions (see the README)"
    )
    raise InvalidInput(msg)


def _file(folder: Path, name: str) -> Path | None:
    found = (folder / f"{name}.jsonl{end}" for end in ("", ".gz"))
    return next((path for path in found if path.is_file()), None)


def _own(folder: Path, file: Path) -> Corpus:
    place = folder / "articles"
    if not place.is_dir():
        msg = f"{folder} has no folder `articles`, which has the articles as files"
        raise InvalidInput(msg)
    articles = {path.name: read_article(path) for path in sorted(place.iterdir())}
    questions = []
    for where, line in lines(file):
        name = line["article"]
        if name is not None and name not in articles:
            msg = f"{where}: there is no article {name!r} in {place}"
            raise InvalidInput(msg)
        gold = frozenset(() if name is None else (articles[name].source,))
        questions.append(Question(line["question"], gold))
    return Corpus(list(articles.values()), questions)


def _faq(folder: Path, file: Path) -> Corpus:
    reviews = _file(folder, "reviews")
    dialogues = _file(folder, "dialogues_dev")
    titles: dict[str, str] = {}
    passages: dict[str, dict[str, str]] = defaultdict(dict)  # by entity, by id
    asked: list[tuple[str, str, str]] = []  # entity, id, question
    for _, line in lines(file):
        entity = _entity(line["id"])
        titles[entity] = line["entity"] or line["domain"]
        alone = dialogues is None
        passages[entity][line["id"]] = (
            line["answer"] if alone else f"{line['question']}\n{line['answer']}"
        )
        asked.append((entity, line["id"], line["question"]))
    for _, line in lines(reviews) if reviews else ():
        entity = _entity(line["id"])
        titles[entity] = line["entity"] or line["domain"]
        passages[entity] |= {f"{line['id']}#{n}": said for n, said in enumerate(line["sentences"])}
    articles = [Article(e, titles[e], tuple(said.values())) for e, said in passages.items()]
    by_text = {(a.source, r.text): r.id for a in articles for r in a.records()}
    ids = {name: by_text[e, text] for e, said in passages.items() for name, text in said.items()}
    if dialogues is None:
        own = [
            Question(text, frozenset({ids[name]}), within=frozenset({entity}))
            for entity, name, text in asked
        ]
        return Corpus(articles, own, by_passage=True)
    parts: tuple[list[Question], list[Question]] = ([], [])
    for _, line in lines(dialogues):
        known = line["labels"]["knowledge"]
        gold = {k["id"] if k["id"] in ids else f"{k['id']}#{k['sentence']}" for k in known}
        within = frozenset(_entity(k["id"]) for k in known)
        *before, last = (turn["text"] for turn in line["turns"])
        about = "\n".join(before[-_BEFORE:])
        question = Question(last, frozenset(ids[name] for name in gold), about, within)
        # By entity: those of one ask alike.
        parts[zlib.crc32(min(within).encode()) % 10 < 3].append(question)
    return Corpus(articles, parts[0], by_passage=True, learnt=parts[1])


def _entity(name: str) -> str:
    return "-".join(name.split("-")[:2])


def _tasks(folder: Path, file: Path) -> Corpus:
    tasks = _file(folder, "tasks")
    if tasks is None:
        msg = f"{folder} has documents, but no tasks.jsonl that asks for them"
        raise InvalidInput(msg)
    articles = [article_of(d["id"], d["title"], d["text"], "markdown") for _, d in lines(file)]
    questions = [
        Question(_told(line["scenario"]["instructions"]), frozenset(line["required_documents"]))
        for _, line in lines(tasks)
        if line.get("required_documents")
    ]
    rest = [question for n, question in enumerate(questions) if n % 3]
    return Corpus(articles, rest, learnt=questions[::3])


def _told(instructions: str | dict[str, Any]) -> str:
    if isinstance(instructions, str):
        return instructions
    return " ".join(str(said) for said in instructions.values() if said)


_READERS: dict[str, Callable[[Path, Path], Corpus]] = {
    "questions": _own,
    "faq": _faq,
    "kb_banking_documents": _tasks,
}
