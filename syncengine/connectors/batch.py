"""`$batch` bodies: many calls in one, written strictly and read tolerantly.

Source: OData 4.0 batch format; line ends must be CRLF. Services answer in the order of the request; where they name
the `Content-ID`, that is what counts.
"""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from syncengine.errors import PermanentError

CRLF = b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One call inside a batch; `url` is absolute or starts with a slash."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartAnswer:
    """The answer to one call; header names in lower case, `content_id` "" where the service did not name it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    content_id: str = ""


def write_batch(parts: Sequence[Part], *, in_change_sets: bool) -> tuple[str, bytes]:
    """Content type and body. With change sets, each writing part stands in one of its own: undone alone."""
    mark = uuid.uuid4().hex
    out: list[str] = []
    for number, part in enumerate(parts, start=1):
        out.append(f"--batch_{mark}\r\n")
        if in_change_sets and part.method != "GET":
            inner = f"changeset_{mark}_{number}"
            out.append(f'Content-Type: multipart/mixed; boundary="{inner}"\r\n\r\n--{inner}\r\n')
            out.append(_call(part, number))
            out.append(f"--{inner}--\r\n")
        else:
            out.append(_call(part, number))
    out.append(f"--batch_{mark}--\r\n")
    return f'multipart/mixed; boundary="batch_{mark}"', "".join(out).encode()


def read_batch(content_type: str, body: bytes) -> list[PartAnswer]:
    """The answers in a multipart body, change sets flattened, in the order in which they came.

    Raises: PermanentError when it is not a multipart body.
    """
    boundary = _boundary(content_type)
    if not boundary:
        raise PermanentError("The service answered a batch with something else than a multipart body.")
    return list(_answers(boundary, body))


def in_request_order(answers: Iterable[PartAnswer], count: int) -> list[PartAnswer | None]:
    """Answers by the place of their request; None where no answer came."""
    ordered: list[PartAnswer | None] = [None] * count
    for place, answer in enumerate(answers):
        named = int(answer.content_id) - 1 if answer.content_id.isdigit() else place
        if 0 <= named < count:
            ordered[named] = answer
    return ordered


def _call(part: Part, number: int) -> str:
    headers = "".join(f"{name}: {value}\r\n" for name, value in part.headers.items())
    return (
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: {number}\r\n\r\n{part.method} {part.url} HTTP/1.1\r\n{headers}\r\n{part.body}\r\n"
    )


def _answers(boundary: bytes, body: bytes) -> Iterable[PartAnswer]:
    # A delimiter stands at the start of a line; blanks after it and bare LF are forgiven.
    delimiter = rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(?:--)?[ \t]*(?=\r?\n|\Z)"
    for piece in re.split(delimiter, body)[1:]:
        if not piece.strip():
            continue
        headers, content = _headers(piece.lstrip(b"\r\n"))
        inner = _boundary(headers.get("content-type", ""))
        if inner:
            yield from _answers(inner, content)
        else:
            yield _answer(headers, content)


def _answer(outer: Mapping[str, str], content: bytes) -> PartAnswer:
    line, _, rest = content.lstrip(b"\r\n").partition(b"\n")
    words = line.split(None, 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise PermanentError("The service answered a batch with a part that is not an HTTP answer.")
    headers, body = _headers(rest)
    content_id = outer.get("content-id") or headers.get("content-id", "")
    return PartAnswer(status=int(words[1]), headers=headers, body=body, content_id=content_id.strip())


def _headers(piece: bytes) -> tuple[dict[str, str], bytes]:
    """The header lines at the start of a piece, and what follows the blank line."""
    if piece.startswith((b"\r\n", b"\n")):
        return {}, piece.partition(b"\n")[2]
    separator = re.search(rb"\r?\n\r?\n", piece)
    head, body = (piece, b"") if separator is None else (piece[: separator.start()], piece[separator.end() :])
    lines = (line.partition(":") for line in head.decode("utf-8", "replace").splitlines())
    return {name.strip().lower(): value.strip() for name, _, value in lines}, body


def _boundary(content_type: str) -> bytes:
    found = re.search(r'multipart/\w+\s*;.*?boundary\s*=\s*"?([^";]+)"?', content_type, re.IGNORECASE)
    return found.group(1).strip().encode() if found else b""
