"""/v1/knowledge: what the company has written, for all customers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from app.dependencies import Guarded, KnowledgeDep, described, named
from app.knowledge.documents import article_of
from app.problems import Problem
from app.schemas.customers import Deleted
from app.schemas.knowledge import (
    ArticleDetail,
    ArticleItem,
    ArticleList,
    KnowledgeSearch,
    KnowledgeSearchResponse,
    NewArticle,
)
from app.schemas.paging import Before, Limit, paged
from app.schemas.recall import EvidenceItem
from memory.articles import SOURCE_LIMIT

router = APIRouter(prefix="/v1/knowledge", tags=["knowledge"], route_class=Guarded)


def _source(
    source: Annotated[
        str, Path(examples=["returns.md"], json_schema_extra=described(SOURCE_LIMIT))
    ],
) -> str:
    return named("source", source, SOURCE_LIMIT)


SourceDep = Annotated[str, Depends(_source)]


@router.post("")
def put_article(body: NewArticle, knowledge: KnowledgeDep) -> ArticleItem:
    """Add an article, or the next version of the one with its source.

    With the same title and text as before it stays as it is. All of it is stored, or nothing.
    """
    article = article_of(body.source, body.title, body.text, body.format)
    (stored,) = knowledge.put([article])
    return ArticleItem.of(stored)


@router.get("")
def articles(knowledge: KnowledgeDep, limit: Limit = 100, before: Before = None) -> ArticleList:
    """The articles in force, the last added first."""
    page, older = paged(knowledge.articles(limit + 1, before), limit, lambda one: one.seq)
    return ArticleList(articles=[ArticleItem.of(article) for article in page], next=older)


@router.post("/search")
def search(body: KnowledgeSearch, knowledge: KnowledgeDep) -> KnowledgeSearchResponse:
    """The passages that bear on a question, best first."""
    found = knowledge.search(body.query, body.limit, sources=body.sources, about=body.about)
    return KnowledgeSearchResponse(found=[EvidenceItem.of(one) for one in found])


@router.get("/{source}", responses={404: {"description": "There is no such article."}})
def article(source: SourceDep, knowledge: KnowledgeDep) -> ArticleDetail:
    """One article: what it says, and when its versions came."""
    versions = knowledge.versions(source)
    if not versions:
        raise _no_article(source)
    return ArticleDetail(
        **ArticleItem.of(versions[0]).model_dump(),
        text=list(versions[0].passages),
        versions=[ArticleItem.of(version) for version in versions],
    )


@router.delete("/{source}")
def delete_article(source: SourceDep, knowledge: KnowledgeDep) -> Deleted:
    """Delete an article with all its versions; no later prompt shows it."""
    gone = knowledge.versions(source)
    if knowledge.remove(source) is None:
        raise _no_article(source)
    return Deleted(deleted={"articles": len(gone), "records": len(gone[0].records())})


def _no_article(source: str) -> Problem:
    detail = f"There is no article {source!r}: GET /v1/knowledge lists them."
    return Problem(404, "no-such-article", "No such article", detail)
