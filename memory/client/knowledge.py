"""What a service can be asked for of the articles, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from memory.articles import SOURCE_LIMIT
from memory.client.call import Call, named
from memory.client.results import Deleted, Passage, Result

Format = Literal["markdown", "text", "html", "csv", "jsonl"]


class Article(Result):
    """A version of an article."""

    source: str
    title: str
    version: int
    hash: str
    passages: int
    added_at: datetime
    replaced_at: datetime | None


class ArticlePage(Result):
    """Articles, the last added first; ``next`` is the ``before`` that asks for older ones."""

    articles: list[Article]
    next: int | None


class ArticleDetail(Article):
    """An article with its passages in order, and its versions, the one in force first."""

    text: list[str]
    versions: list[Article]


class KnowledgeAnswer(Result):
    """The passages that bear on a question, best first."""

    found: list[Passage]


def articles(*, limit: int = 100, before: int | None = None) -> Call[ArticlePage]:
    """The articles in force, the last added first; ``before`` is a page's ``next``."""
    query = {"limit": limit, "before": before}
    return Call("GET", "/v1/knowledge", ArticlePage.model_validate_json, query)


def article(source: str) -> Call[ArticleDetail]:
    """One article: what it says, and when its versions came."""
    return Call("GET", _article(source), ArticleDetail.model_validate_json)


def put_article(
    source: str,
    text: str,
    *,
    title: str | None = None,
    format: Format = "markdown",  # noqa: A002 - as the API calls it
) -> Call[Article]:
    """Add an article, or its next version; with the same content as before it stays as it is."""
    body = {"source": source, "title": title, "text": text, "format": format}
    return Call("POST", "/v1/knowledge", Article.model_validate_json, body=body)


def delete_article(source: str) -> Call[Deleted]:
    """Delete an article with all its versions; no later prompt shows it."""
    return Call("DELETE", _article(source), Deleted.model_validate_json, again=False)


def search(
    query: str, *, limit: int = 5, sources: Sequence[str] | None = None, about: str = ""
) -> Call[KnowledgeAnswer]:
    """The passages of articles that bear on a question, best first.

    Args:
        query: the question.
        limit: how many at most.
        sources: only in these articles.
        about: what was said before, which may name what it is about.
    """
    among = None if sources is None else list(sources)
    body = {"query": query, "limit": limit, "sources": among, "about": about}
    path = "/v1/knowledge/search"
    return Call("POST", path, KnowledgeAnswer.model_validate_json, body=body)


def _article(source: str) -> str:
    return f"/v1/knowledge/{named('source', source, SOURCE_LIMIT)}"
