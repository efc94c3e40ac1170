"""The articles, and what is found in them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from app.knowledge.documents import Format
from app.schemas.fields import NAMED, Body, Text, Whole
from app.schemas.recall import EvidenceItem
from memory import Article, check_name
from memory.articles import SOURCE_LIMIT, TITLE_LIMIT

ArticleSource = Annotated[
    str,
    Field(min_length=1, max_length=SOURCE_LIMIT, examples=["returns.md"], json_schema_extra=NAMED),
    AfterValidator(lambda source: check_name("source", source, SOURCE_LIMIT)),
]


class NewArticle(Body):
    """An article, whole: what was there of its source before is replaced."""

    source: ArticleSource = Field(description="names it: a path, a URL, an id")
    title: Text | None = Field(
        None,
        min_length=1,
        max_length=TITLE_LIMIT,
        description="null: the text's own, else the source",
        examples=["Returns"],
    )
    text: Text = Field(min_length=1, examples=["# Returns\n\nWithin 30 days."])
    format: Format = Field(
        "markdown", description="csv and jsonl: a passage a row; with question and answer it is FAQ"
    )


class ArticleItem(BaseModel):
    """A version of an article."""

    source: str
    title: str
    version: int
    hash: str = Field(description="of title and text: the same content has the same")
    passages: int
    added_at: datetime
    replaced_at: datetime | None = Field(description="when the next version came; null: in force")

    @classmethod
    def of(cls, article: Article) -> ArticleItem:
        """Make one from an article that is stored."""
        assert article.added_at is not None
        return cls(
            source=article.source, title=article.title, version=article.version,
            hash=article.hash, passages=len(article.passages), added_at=article.added_at,
            replaced_at=article.replaced_at,
        )  # fmt: skip


class ArticleList(BaseModel):
    """Articles in force, the last added first."""

    articles: list[ArticleItem]
    next: int | None = Field(description="give it as `before` to get older ones; null: none left")


class ArticleDetail(ArticleItem):
    """An article with what it says and its history."""

    text: list[str] = Field(description="its passages, in order")
    versions: list[ArticleItem] = Field(description="the one in force first")


class KnowledgeSearch(Body):
    """What to look for in the articles."""

    query: Text = Field(min_length=1, max_length=8192, examples=["can I send a lamp back?"])
    limit: Whole = Field(5, ge=1, le=100)
    sources: list[ArticleSource] | None = Field(
        None, max_length=1000, description="only in these articles"
    )
    about: Text = Field(
        "", max_length=8192, description="what was said before: it may name what it is about"
    )


class KnowledgeSearchResponse(BaseModel):
    """What was found, best first."""

    found: list[EvidenceItem]
