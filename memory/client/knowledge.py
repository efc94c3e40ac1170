"""What a service can be asked for of the articles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import memory.client.results as results
from memory.articles import SOURCE_LIMIT
from memory.client.call import Call, named

Format = Literal["markdown", "text", "html", "csv", "jsonl"]


def articles(*, limit: int = 100, before: int | None = None) -> Call[results.ArticlePage]:
    """The articles in force, the last added first; ``before`` is a page's ``next``."""
    query = {"limit": limit, "before": before}
    return Call("GET", "/v1/knowledge", results.ArticlePage.model_validate_json, query)


def article(source: str) -> Call[results.ArticleDetail]:
    """One article: what it says, and when its versions came."""
    return Call("GET", _article(source), results.ArticleDetail.model_validate_json)


def put_article(
    source: str,
    text: str,
    *,
    title: str | None = None,
    format: Format = "markdown",  # noqa: A002 - as the API calls it
) -> Call[results.Article]:
    """Add an article, or its next version; with the same content as before it stays as it is."""
    body = {"source": source, "title": title, "text": text, "format": format}
    return Call("POST", "/v1/knowledge", results.Article.model_validate_json, body=body)


def delete_article(source: str) -> Call[results.Deleted]:
    """Delete an article with all its versions; no later prompt shows it."""
    return Call("DELETE", _article(source), results.Deleted.model_validate_json, again=False)


def search(
    query: str, *, limit: int = 5, sources: Sequence[str] | None = None, about: str = ""
) -> Call[results.KnowledgeAnswer]:
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
    return Call("POST", path, results.KnowledgeAnswer.model_validate_json, body=body)


def _article(source: str) -> str:
    return f"/v1/knowledge/{named('source', source, SOURCE_LIMIT)}"
