"""``memory-service evaluate knowledge``: which folders it reads, and that its figures are right."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.evaluation.corpora import Corpus, Question, read_corpus
from app.evaluation.knowledge import OURS, measure, table
from memory import Article, InvalidInput
from tests.doubles import WordEncoder


def write(folder: Path, name: str, lines: list[dict[str, Any]]) -> None:
    """A file of JSONL."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if name.endswith(".gz"):
        (folder / name).write_bytes(gzip.compress(text.encode()))
    else:
        (folder / name).write_text(text)


def faq(entity: str, number: int, question: str, answer: str) -> dict[str, Any]:
    """A line of faq.jsonl."""
    return {"id": f"{entity}-{number}", "domain": "hotel", "entity": f"House {entity[-1]}",
            "question": question, "answer": answer}  # fmt: skip


FAQ = [
    faq("hotel-0", 0, "Pets?", "Dogs are welcome."),
    faq("hotel-0", 1, "Parking?", "There is a garage."),
    faq("hotel-1", 0, "Pets?", "No animals, sorry."),
]


def test_your_own_articles_and_questions(tmp_path: Path) -> None:
    """The article's file answers its question; null says that nothing does."""
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "a.md").write_text("# Returns\nWithin 30 days.")
    questions = [{"question": "returns?", "article": "a.md"}, {"question": "x", "article": None}]
    write(tmp_path, "questions.jsonl", questions)
    corpus = read_corpus(tmp_path)
    (article,) = corpus.articles
    assert [q.gold for q in corpus.questions] == [{article.source}, frozenset()]
    write(tmp_path, "questions.jsonl", [{"question": "x", "article": "b.md"}])
    with pytest.raises(InvalidInput, match=r"line 1: there is no article 'b\.md'"):
        read_corpus(tmp_path)


def test_faq_alone_is_asked_its_own_questions(tmp_path: Path) -> None:
    """And the questions' words are not in what is searched."""
    write(tmp_path, "faq.jsonl.gz", FAQ)
    corpus = read_corpus(tmp_path)
    assert [a.passages for a in corpus.articles] == [
        ("Dogs are welcome.", "There is a garage."),
        ("No animals, sorry.",),
    ]
    assert [q.text for q in corpus.questions] == ["Pets?", "Parking?", "Pets?"]
    assert [q.within for q in corpus.questions] == [{"hotel-0"}, {"hotel-0"}, {"hotel-1"}]


def test_dialogues_ask_faq_and_reviews(tmp_path: Path) -> None:
    """The last turn asks, what was said before says of what; a review's sentence is a passage."""
    write(tmp_path, "faq.jsonl", FAQ)
    write(tmp_path, "reviews.jsonl", [
        {"id": "hotel-1-review-0", "domain": "hotel", "entity": "House 1",
         "sentences": ["Nice.", "It was loud."]},
    ])  # fmt: skip
    turns = [{"role": "customer", "text": t} for t in ("House 1, please.", "Is it quiet?")]
    knowledge = [{"id": "hotel-1-0"}, {"id": "hotel-1-review-0", "sentence": 1}]
    write(tmp_path, "dialogues_dev.jsonl", [{"turns": turns, "labels": {"knowledge": knowledge}}])
    corpus = read_corpus(tmp_path)
    (question,) = (*corpus.questions, *corpus.learnt)
    records = {r.id: r.text for a in corpus.articles for r in a.records()}
    assert {records[name] for name in question.gold} == {
        "Pets?\nNo animals, sorry.",
        "It was loud.",
    }
    assert (question.text, question.about) == ("Is it quiet?", "House 1, please.")


def test_tasks_need_documents(tmp_path: Path) -> None:
    """One in three has been learnt from and is left out."""
    document = {"id": "d", "title": "Cards", "text": "## Fees\nNone."}
    write(tmp_path, "kb_banking_documents.jsonl", [document])
    task = {"scenario": {"instructions": "You want a card."}, "required_documents": ["d"]}
    write(tmp_path, "tasks.jsonl", [*[task] * 3, {**task, "required_documents": None}])
    corpus = read_corpus(tmp_path)
    assert corpus.articles[0].passages == ("Fees\nNone.",)
    assert (len(corpus.questions), len(corpus.learnt)) == (2, 1)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "neither questions"),
        ({"questions.jsonl": [{"question": "x", "article": None}]}, "no folder `articles`"),
        ({"faq.jsonl": [{"id": "a-0"}]}, "a line lacks something"),
        ({"faq.jsonl": []}, "no questions"),
        ({"kb_banking_documents.jsonl": []}, r"no tasks\.jsonl"),
    ],
)
def test_a_folder_without_questions_is_told_so(
    tmp_path: Path, files: dict[str, list[dict[str, Any]]], said: str
) -> None:
    """With what there should be."""
    for name, lines in files.items():
        write(tmp_path, name, lines)
    with pytest.raises(InvalidInput, match=said):
        read_corpus(tmp_path)


def test_the_figures_are_right(encoder: WordEncoder) -> None:
    """Of two questions one is answered first, the other, whose gold shares no word, by none of the
    words alone; of three gold articles one found is a third of the recall.
    """
    articles = [Article(f"a{n}", f"Title {n}", (f"word{n} common",)) for n in range(30)]
    questions = [
        Question("word7", frozenset({"a7"}), within=frozenset({"a7", "a8"})),
        Question("word3", frozenset({"a3", "a11", "a12"}), within=frozenset({"a3"})),
        Question("nothing of that", frozenset()),
    ]
    made = measure(Corpus(articles, questions), encoder)
    assert (made["articles"], made["passages"], made["questions"]) == (30, 30, 2)
    found = {
        (each["system"], each["entity"]): {n: f["mean"] for n, f in each["figures"].items()}
        for each in made["systems"]
    }
    assert len(found) == 6
    alone = found["BM25 alone", "known"]
    assert alone["hit_at_5"] == 1
    assert alone["recall_at_10"] == pytest.approx((1 + 1 / 3) / 2)
    best = 1 + 0.63093 + 0.5
    assert alone["ndcg_at_10"] == pytest.approx((1 + 1 / best) / 2, abs=1e-4)
    assert found[OURS, "unknown"]["hit_at_5"] == 1
    assert made["evidence"] == {
        "answerable": 2, "some_found": 2, "unanswerable": 1, "none_found": 1
    }  # fmt: skip
    assert "nothing for 1 of 1 that have none" in table(made)


def test_the_shop_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The command prints JSON; most of the demo's questions find their article."""
    monkeypatch.setenv("MEMORY_SERVICE_DATA_DIR", str(tmp_path))
    shop = Path(__file__).parents[2] / "app" / "demo" / "shop"
    result = CliRunner().invoke(
        app, ["evaluate", "knowledge", "--data", str(shop), "--json"], catch_exceptions=False
    )
    made = json.loads(result.stdout)
    ours = next(each for each in made["systems"] if each["system"] == OURS)
    assert ours["figures"]["hit_at_5"]["mean"] > 0.85
