"""Bearer tokens by client credentials, one for all connectors of a process that share the credentials.

The secret goes to the token endpoint alone; neither it nor a token is ever part of a message.
"""

import hashlib
import threading
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749 import OAuth2Token
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from syncengine.connectors.base import Settings
from syncengine.connectors.service_errors import read_problem
from syncengine.errors import CredentialsError, UnreachableError

MAX_LEEWAY_S = 60  # a token is renewed this long before it ends

_tokens: dict[str, OAuth2Token] = {}
_locks: dict[str, threading.Lock] = {}


class TokenSource:
    """The token of one environment's credentials."""

    def __init__(self, settings: Settings, *, scope: str, client: httpx.Client) -> None:
        self._settings = settings
        self._scope = scope
        self._client = client
        names = f"{settings.token_url}\n{settings.client_id}\n{settings.secret}\n{scope}"
        self._key = hashlib.sha256(names.encode()).hexdigest()
        self._lock = _locks.setdefault(self._key, threading.Lock())

    def token(self) -> str:
        """A token that is good for a while yet, asked for when there is none.

        Raises: CredentialsError when sign-in is refused; UnreachableError when nobody answers.
        """
        with self._lock:
            kept = _tokens.get(self._key)
            if kept is None or kept.is_expired(leeway=_leeway_s(kept)):
                kept = _tokens[self._key] = self._ask()
            return str(kept["access_token"])

    def forget(self, token: str) -> None:
        """Drop a token that the service refused, unless another thread has renewed it already."""
        with self._lock:
            kept = _tokens.get(self._key)
            if kept is not None and kept["access_token"] == token:
                del _tokens[self._key]

    def _ask(self) -> OAuth2Token:
        host = urlsplit(self._settings.token_url).netloc
        try:
            answer = self._client.post(
                self._settings.token_url,
                content=self._request_body(),
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise UnreachableError(f"The sign-in service {host} did not answer ({type(error).__name__}).") from error
        if answer.status_code >= 500 or answer.status_code in (408, 429):
            raise UnreachableError(f"The sign-in service {host} answered {answer.status_code}.")
        if answer.status_code != 200:
            raise _refusal(answer, self._settings)
        return _token_in(answer, host)

    def _request_body(self) -> str:
        """Source: the v2.0 endpoint takes a scope, the older one a resource."""
        is_v2 = "/v2.0/" in self._settings.token_url
        wanted = {"scope": self._scope} if is_v2 else {"resource": self._scope.removesuffix("/.default")}
        auth = ClientAuth(self._settings.client_id, self._settings.secret, "client_secret_post")
        body = prepare_token_request("client_credentials", **wanted)
        return str(auth.prepare("POST", self._settings.token_url, {}, body)[2])


def _leeway_s(token: OAuth2Token) -> int:
    return int(min(MAX_LEEWAY_S, int(token.get("expires_in") or 0) // 10))


def _refusal(answer: httpx.Response, settings: Settings) -> CredentialsError:
    problem = read_problem(answer.content)
    # The service's sentence starts with its code, "AADSTS7000215: Invalid client secret provided. ...".
    code, _, sentence = problem.message.partition(":")
    reason = sentence.split("\r\n")[0].strip() or f"status {answer.status_code}"
    message = f"Sign-in to {settings.name} was refused for application {settings.client_id}: {reason}"
    return CredentialsError(message, code=code if sentence else problem.code)


def _token_in(answer: httpx.Response, host: str) -> OAuth2Token:
    try:
        content = answer.json()
        return OAuth2Token({**content, "access_token": content["access_token"]})
    except (ValueError, TypeError, KeyError) as error:
        raise CredentialsError(f"The sign-in service {host} answered without a token; check the token URL.") from error
