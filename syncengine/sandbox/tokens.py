"""Sign-in by client credentials, as the sign-in service in front of both kinds does it."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from syncengine.sandbox.calls import Answer, encode
from syncengine.sandbox.registry import Client, Settings

_HEADER = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"HS256"}').rstrip(b"=")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Who calls, and since when (seconds since 1970)."""

    client: Client
    at: float


class _Claims(msgspec.Struct, kw_only=True):
    appid: str
    exp: float
    iat: float


def answer(settings: Settings, tenant: str, form: Mapping[str, str], *, refuses: bool, now: datetime) -> Answer:
    """The token endpoint's answer to this form."""
    if tenant.lower() != settings.tenant_id.lower():
        return _refusal(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.", now)
    if form.get("grant_type") != "client_credentials":
        return _refusal(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.", now)
    if not (form.get("scope") or form.get("resource")):
        return _refusal(400, "invalid_request", 900144, "The request body must contain the parameter: 'scope'.", now)
    client = find_client(settings, form.get("client_id", ""))
    if client is None:
        text = f"Application with identifier '{form.get('client_id', '')}' was not found in the directory."
        return _refusal(400, "unauthorized_client", 700016, text, now)
    is_right = secrets.compare_digest(client.client_secret.encode(), form.get("client_secret", "").encode())
    if refuses or not is_right:
        return _refusal(401, "invalid_client", 7000215, "Invalid client secret provided.", now)
    return _token(settings, client, now)


def find_client(settings: Settings, client_id: str) -> Client | None:
    return next((one for one in settings.clients if one.client_id == client_id.lower()), None)


def signed_in(settings: Settings, authorization: str, now: datetime) -> SignedIn | None:
    """Whose token this header holds; None when it holds none of ours or one that has run out."""
    scheme, _, token = authorization.partition(" ")
    content, _, mark = token.strip().rpartition(".")
    if scheme.lower() != "bearer" or not hmac.compare_digest(_mark(content, settings).encode(), mark.encode()):
        return None
    claims = msgspec.json.decode(_decoded(content.partition(".")[2]), type=_Claims)
    client = find_client(settings, claims.appid) if now.timestamp() < claims.exp else None
    return None if client is None else SignedIn(client=client, at=claims.iat)


def _token(settings: Settings, client: Client, now: datetime) -> Answer:
    lifetime_s = settings.token_lifetime_s
    claims = _Claims(appid=client.client_id, iat=now.timestamp(), exp=now.timestamp() + lifetime_s)
    content = f"{_HEADER.decode()}.{base64.urlsafe_b64encode(msgspec.json.encode(claims)).rstrip(b'=').decode()}"
    body = {
        "token_type": "Bearer",
        "expires_in": lifetime_s,
        "ext_expires_in": lifetime_s,
        "access_token": f"{content}.{_mark(content, settings)}",
    }
    return Answer(status=200, headers={"Content-Type": "application/json; charset=utf-8"}, body=encode(body))


def _mark(content: str, settings: Settings) -> str:
    made = hmac.digest(settings.signing_key.encode(), content.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _refusal(status: int, error: str, code: int, text: str, now: datetime) -> Answer:
    moment = now.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace, correlation = str(uuid4()), str(uuid4())
    description = f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {moment}"
    body = {
        "error": error,
        "error_description": description,
        "error_codes": [code],
        "timestamp": moment,
        "trace_id": trace,
        "correlation_id": correlation,
    }
    return Answer(status=status, headers={"Content-Type": "application/json; charset=utf-8"}, body=encode(body))
