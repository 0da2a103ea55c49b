"""`$batch`: many calls in one multipart body, as both services read and write it.

Source: Dataverse Web API documentation.

Lines end with CR LF; a body with bare line feeds is refused, as the services do, unless it is put right before.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import unquote
from uuid import uuid4

from syncengine.sandbox import addresses
from syncengine.sandbox.calls import Answer, Call

CRLF = b"\r\n"
_BOUNDARY = re.compile(r'multipart/mixed\s*;.*?boundary="?([^";,\s]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(r"\w+")
_REQUEST = re.compile(r"(GET|POST|PATCH|PUT|DELETE|MERGE)\s+(\S.*?)(?:\s+HTTP/1\.[01])?\s*", re.DOTALL)


class BadBatch(ValueError):
    """A body that is no batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One call inside a batch; header names in lower case."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSet:
    """Parts that happen all or not at all."""

    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAnswer:
    answer: Answer
    content_id: str = ""


Item = Part | ChangeSet
ItemAnswer = PartAnswer | tuple[PartAnswer, ...]


def read(content_type: str, body: bytes) -> list[Item]:
    """Raises: BadBatch."""
    return [_item(headers, content) for headers, content in _pieces(content_type, body)]


def with_line_ends(body: bytes) -> bytes:
    """The body with bare line feeds made CR LF."""
    return body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def check_content_ids(items: Sequence[Item], *, are_needed: bool) -> None:
    """Raises: BadBatch for a change set in which one is missing, where they are needed, or stands twice."""
    for item in items:
        found = [part.content_id for part in item.parts if part.content_id] if isinstance(item, ChangeSet) else []
        if are_needed and isinstance(item, ChangeSet) and len(found) < len(item.parts):
            raise BadBatch("The 'Content-ID' header is missing in a part of a change set.")
        if len(set(found)) < len(found):
            raise BadBatch("A 'Content-ID' was found more than once in the same change set.")


def size(items: Sequence[Item]) -> int:
    """How many calls there are."""
    return sum(1 for _ in parts(items))


def parts(items: Sequence[Item]) -> Iterator[Part]:
    for item in items:
        yield from item.parts if isinstance(item, ChangeSet) else (item,)


def set_of(resource: str) -> str:
    """The entity set that an address below the service's root begins with; "" where it begins with none."""
    found = _NAME.match(unquote(resource[:200]))
    return found[0] if found else ""


def write(answers: Sequence[ItemAnswer], *, status: int) -> Answer:
    """A tuple of answers is that of a change set that went well."""
    boundary = f"batchresponse_{uuid4()}"
    out: list[bytes] = []
    for one in answers:
        out.append(b"--" + boundary.encode() + CRLF)
        out.append(_change_set(one) if isinstance(one, tuple) else _leaf(one))
    out.append(b"--" + boundary.encode() + b"--" + CRLF)
    return Answer(status=status, headers={"Content-Type": f"multipart/mixed; boundary={boundary}"}, body=b"".join(out))


def part_call(call: Call, part: Part, resource: str, references: Mapping[str, str] = MappingProxyType({})) -> Call:
    """The part as a call of its own. Raises: BadBatch for a batch in the batch; BadAddress."""
    address = addresses.parse(resource)
    if address.segments and address.segments[0].name == "$batch":
        raise BadBatch("A batch request cannot contain another batch request.")
    return replace(
        call,
        method=part.method,
        address=address,
        headers=part.headers,
        body=part.body,
        references=references,
    )


def path_of(url: str) -> str:
    """Path and options of an absolute, root-relative or relative address."""
    if "://" not in url[:10]:
        return url
    _, slash, path = url.partition("://")[2].partition("/")
    return f"{slash}{path}"


def _pieces(content_type: str, body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """Headers and content of each piece between the boundaries."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise BadBatch("The content type of a batch request must be multipart/mixed with a boundary.")
    pieces = (CRLF + body).split(b"\r\n--" + found[1].encode())
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise BadBatch("The batch request body is not terminated by its boundary, or lines do not end with CR LF.")
    for piece in pieces[1:-1]:
        if not piece.startswith(CRLF):
            raise BadBatch("A boundary in the batch request body must be followed by CR LF.")
        yield _split(piece[2:])


def _split(text: bytes) -> tuple[dict[str, str], bytes]:
    """Headers, and what follows the empty line behind them."""
    if text.startswith(CRLF):
        return {}, text[2:]
    head, _, content = text.partition(CRLF + CRLF)
    headers = {}
    for line in head.removesuffix(CRLF).split(CRLF):  # the boundary takes one of the two behind the last header
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if not colon:
            raise BadBatch(f"The header line '{name[:60]}' in the batch request is not understood.")
        headers[name.strip().lower()] = value.strip()
    return headers, content


def _item(headers: dict[str, str], content: bytes) -> Item:
    content_type = headers.get("content-type", "")
    if content_type.lower().startswith("multipart/mixed"):
        inner = _pieces(content_type, content)
        return ChangeSet(parts=tuple(_part(inner_headers, text) for inner_headers, text in inner))
    return _part(headers, content)


def _part(headers: dict[str, str], content: bytes) -> Part:
    if not headers.get("content-type", "").lower().startswith("application/http"):
        raise BadBatch("A part of a batch request must be of type application/http.")
    line, _, rest = content.partition(CRLF)
    found = _REQUEST.fullmatch(line.decode("utf-8", "replace"))
    if found is None:
        raise BadBatch(f"The request line '{line[:60].decode('utf-8', 'replace')}' is not understood.")
    own, body = _split(rest or CRLF)
    return Part(
        method=found[1],
        url=found[2],
        headers=own,
        body=body.strip(CRLF),
        content_id=headers.get("content-id", own.get("content-id", "")),
    )


def _change_set(answers: tuple[PartAnswer, ...]) -> bytes:
    boundary = f"changesetresponse_{uuid4()}"
    out = [f"Content-Type: multipart/mixed; boundary={boundary}".encode(), CRLF, CRLF]
    for one in answers:
        out += [b"--", boundary.encode(), CRLF, _leaf(one)]
    out += [b"--", boundary.encode(), b"--", CRLF, CRLF]
    return b"".join(out)


def _leaf(one: PartAnswer) -> bytes:
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if one.content_id:
        lines.append(f"Content-ID: {one.content_id}")
    status = one.answer.status
    lines += ["", f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in one.answer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + one.answer.body + CRLF
