"""What an OData service says went wrong, read out of the body of its answer."""

from dataclasses import dataclass
from typing import Any

import msgspec

RAW_LIMIT = 4_000  # characters of an answer that are kept for a person to read


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceProblem:
    """`detail` is the inner error's message, `type` its class; all are "" where the service gave none."""

    code: str = ""
    message: str = ""
    detail: str = ""
    type: str = ""
    raw: str = ""

    @property
    def text(self) -> str:
        return self.detail or self.message or self.raw[:200] or "no reason given"


def read_problem(body: bytes) -> ServiceProblem:
    """The problem that a body describes; where it is not JSON, its raw text alone."""
    raw = body.decode("utf-8", "replace")[:RAW_LIMIT]
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ServiceProblem(raw=raw)
    if not isinstance(content, dict):
        return ServiceProblem(raw=raw)
    error = content.get("error")
    if isinstance(error, dict):
        return _odata_problem(error, raw)
    # Sign-in services answer {"error": "...", "error_description": "..."}, the web server {"Message": "..."}.
    message = content.get("error_description") or content.get("Message") or content.get("message")
    return ServiceProblem(code=_text(error), message=_text(message), raw=raw)


def is_web_page(body: bytes) -> bool:
    """Whether the body is HTML, as gateways and sign-in pages answer."""
    start = body[:200].lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    return start.startswith((b"<!doctype html", b"<html"))


def _odata_problem(error: dict[str, Any], raw: str) -> ServiceProblem:
    inner = error.get("innererror")
    if not isinstance(inner, dict):
        inner = {}
    return ServiceProblem(
        code=_text(error.get("code")),
        message=_text(error.get("message")),
        detail=_text(inner.get("message")),
        type=_text(inner.get("type")),
        raw=raw,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
