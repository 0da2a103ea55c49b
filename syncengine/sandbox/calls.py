"""One call to a service and its answer, alone or as a part of a batch."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from syncengine.sandbox.addresses import Address

JSON = "application/json; odata.metadata=minimal"
_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_PREFERENCE = re.compile(r'([^\s,;="]+)(?:\s*=\s*(?:"([^"]*)"|([^",;]*)))?')


class ServiceError(Exception):
    """A call that the service refuses. `code` and `kind` mean what the service at hand makes of them."""

    def __init__(
        self, status: int, message: str, *, code: str = "", kind: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.kind = kind
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`base` is the service's root as the client addressed it, without a slash at its end; header names in lower case.

    `signed_in_at` is when its token was given (seconds since 1970); `references` are the addresses of rows written
    before in the same change set, by content id (`$1`). `initiator_id` is the user who acts for `user_id`.
    """

    method: str
    address: Address
    base: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client_id: str = ""
    user_id: str = ""
    initiator_id: str = ""
    signed_in_at: float = math.inf
    references: Mapping[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """The header's value; "" where it is absent."""
        return self.headers.get(name, "")

    @property
    def preferences(self) -> dict[str, str]:
        """What the Prefer header asks for, names in lower case; "" for those without a value."""
        found = _PREFERENCE.findall(self.header("prefer"))
        return {name.lower(): quoted or value.strip() for name, quoted, value in found}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_answer(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status=status, headers={"Content-Type": JSON, **(headers or {})}, body=encode(content))


def encode(content: Any) -> bytes:
    return _ENCODER.encode(content)


def decode(body: bytes) -> Any:
    """The JSON value, numbers with a point as Decimal. Raises: ValueError for anything that is not JSON."""
    try:
        return _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise ValueError(str(error)) from error


def decode_as(kind: Any, body: bytes) -> Any:
    """The JSON value as this type, for what is no call of a service. Raises: ValueError."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"The request is not understood: {error}") from error
