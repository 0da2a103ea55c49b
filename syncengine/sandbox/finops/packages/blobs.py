"""Files at addresses that carry their right in themselves, as the storage beside the service has them.

Source: Azure Blob storage (shared access signatures, Put Blob, Get Blob). They lie on the sandbox's own origin.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hmac import compare_digest, digest
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from uuid import UUID, uuid4
from xml.sax.saxutils import escape

from psycopg import Connection, sql

from syncengine.sandbox.calls import Answer, Call
from syncengine.sandbox.site import Site

ROOT = "/dmf/"
VERSION = "2024-11-04"
MAX_BYTES = 64 * 1024 * 1024
READ, WRITE = "r", "rw"
_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{0,12})")
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A call to such an address. Header names are in lower case; `body` is None where it is too large."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes | None


class _Refused(Exception):
    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.code = code


def make(site: Site, connection: Connection[Any], name: str, content: bytes | None = None) -> UUID:
    """A new blob; without content it is there when somebody has written it. Those of last week go."""
    connection.execute(
        sql.SQL("DELETE FROM {}._blob WHERE made_at < clock_timestamp() - interval '7 days'").format(
            sql.Identifier(site.schema)
        )
    )
    row = connection.execute(
        sql.SQL(
            "INSERT INTO {}._blob (name, content, written_at) VALUES (%(name)s, %(content)s,"
            " CASE WHEN %(content)s::bytea IS NOT NULL THEN clock_timestamp() END) RETURNING id"
        ).format(sql.Identifier(site.schema)),
        {"name": name, "content": content},
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def content_of(site: Site, connection: Connection[Any], blob_id: UUID) -> bytes | None:
    row = connection.execute(
        sql.SQL("SELECT content FROM {}._blob WHERE id = %s").format(sql.Identifier(site.schema)), (blob_id,)
    ).fetchone()
    return bytes(row[0]) if row and row[0] is not None else None


def address(site: Site, call: Call, blob_id: UUID, name: str, right: str) -> str:
    """Where the blob is read or written, by whoever has this address, until it expires."""
    now = datetime.now(UTC)
    start, end = now - timedelta(minutes=5), now + timedelta(seconds=site.settings.blob_lifetime_s)
    signed = {"st": start.strftime(_MOMENT), "se": end.strftime(_MOMENT), "sp": right, "id": str(blob_id)}
    options = {"sv": VERSION, "sr": "b", **signed, "sig": _signature(site, name, signed)}
    split = urlsplit(call.base)
    return f"{split.scheme}://{split.netloc}{ROOT}{quote(name, safe='')}?{urlencode(options)}"


def blob_of(site: Site, url: str) -> UUID | None:
    """The blob at an address of this sandbox that still counts."""
    try:
        split = urlsplit(url)
        return _authorized(site, split.path, split.query, READ)
    except (ValueError, _Refused):
        return None


def answer(site: Site, request: Request) -> Answer:
    """The storage's answer."""
    try:
        return _answer(site, request)
    except _Refused as error:
        text = f"{error}\nRequestId:{uuid4()}\nTime:{datetime.now(UTC).isoformat()}"
        content = f"<Error><Code>{error.code}</Code><Message>{escape(text)}</Message></Error>"
        body = f"<?xml version='1.0' encoding='utf-8'?>{content}"
        headers = {"Content-Type": "application/xml", "x-ms-error-code": error.code, **_headers()}
        return Answer(status=error.status, headers=headers, body=body.encode())


def _answer(site: Site, request: Request) -> Answer:
    if request.method in ("GET", "HEAD"):
        return _read(site, request, _authorized(site, request.path, request.query, READ))
    if request.method == "PUT":
        return _write(site, request, _authorized(site, request.path, request.query, WRITE))
    raise _Refused(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")


def _read(site: Site, request: Request, blob_id: UUID) -> Answer:
    with site.reading() as connection:
        content = content_of(site, connection, blob_id)
    if content is None:
        raise _Refused(404, "BlobNotFound", "The specified blob does not exist.")
    headers = {"Content-Type": "application/octet-stream", "x-ms-blob-type": "BlockBlob", **_written(content)}
    asked = _RANGE.fullmatch(request.headers.get("x-ms-range", request.headers.get("range", "")))
    if asked is None:
        return Answer(status=200, headers=headers, body=content)
    first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    if first > last:
        raise _Refused(416, "InvalidRange", "The range specified is invalid for the current size of the resource.")
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Answer(status=206, headers=headers, body=content[first : last + 1])


def _write(site: Site, request: Request, blob_id: UUID) -> Answer:
    kind = request.headers.get("x-ms-blob-type")
    if kind is None:
        text = "An HTTP header that's mandatory for this request is not specified. (x-ms-blob-type)"
        raise _Refused(400, "MissingRequiredHeader", text)
    if kind != "BlockBlob":
        text = "The value for one of the HTTP headers is not in the correct format. (x-ms-blob-type)"
        raise _Refused(400, "InvalidHeaderValue", text)
    if request.body is None or len(request.body) > MAX_BYTES:
        text = "The request body is too large and exceeds the maximum permissible limit."
        raise _Refused(413, "RequestBodyTooLarge", text)
    with site.transaction() as connection:
        connection.execute(
            sql.SQL("UPDATE {}._blob SET content = %s, written_at = clock_timestamp() WHERE id = %s").format(
                sql.Identifier(site.schema)
            ),
            (request.body, blob_id),
        )
    return Answer(status=201, headers=_written(request.body))


def _authorized(site: Site, path: str, query: str, right: str) -> UUID:
    """The blob that the address names, if it may be used so. Raises: _Refused."""
    options = dict(parse_qsl(query, keep_blank_values=True))
    signed = {name: options.get(name, "") for name in ("st", "se", "sp", "id")}
    expected = _signature(site, unquote(path[len(ROOT) :]), signed)
    is_valid = compare_digest(expected.encode(), options.get("sig", "").encode())
    if not is_valid or not _is_now(signed["st"], signed["se"]):
        text = (
            "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly"
            " including the signature."
        )
        raise _Refused(403, "AuthenticationFailed", text)
    if not set(right) <= set(signed["sp"]):
        text = "This request is not authorized to perform this operation using this permission."
        raise _Refused(403, "AuthorizationPermissionMismatch", text)
    return UUID(signed["id"])


def _is_now(start: str, end: str) -> bool:
    now = datetime.now(UTC)
    first, last = (datetime.strptime(text, _MOMENT).replace(tzinfo=UTC) for text in (start, end))
    return first <= now < last


def _signature(site: Site, name: str, signed: Mapping[str, str]) -> str:
    content = "\n".join([name, *(f"{key}={value}" for key, value in sorted(signed.items()))])
    return base64.b64encode(digest(site.settings.signing_key.encode(), content.encode(), hashlib.sha256)).decode()


def _written(content: bytes) -> dict[str, str]:
    checksum = hashlib.md5(content, usedforsecurity=False)
    return {
        "ETag": f'"0x{checksum.hexdigest()[:15].upper()}"',
        "Content-MD5": base64.b64encode(checksum.digest()).decode(),
        **_headers(),
    }


def _headers() -> dict[str, str]:
    return {"x-ms-request-id": str(uuid4()), "x-ms-version": VERSION}
