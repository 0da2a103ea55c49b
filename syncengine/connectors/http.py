"""One HTTP client for every kind that speaks OData: pool, sign-in, time limits, retries, the configured host only.

A call is repeated here when it provably changed nothing (it never left, was throttled, or only reads); everything else
is told to the caller, who knows what a lost answer means. Client errors (4xx but 401 and 429) come back as answers,
since their meaning is the kind's own.
"""

import random
import ssl
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from urllib.parse import urljoin, urlsplit

import httpx

from syncengine.connectors.base import Settings
from syncengine.connectors.service_errors import is_web_page, read_problem
from syncengine.connectors.sign_in import TokenSource
from syncengine.errors import (
    CredentialsError,
    PermanentError,
    SyncError,
    ThrottledError,
    TransientError,
    UnreachableError,
)

ATTEMPTS = 4
FIRST_WAIT_S = 0.25  # doubled four-fold and shortened at random for each further attempt
PATIENCE_S = 5.0  # a longer Retry-After is handed to the caller
DEFAULT_RETRY_AFTER_S = 30  # Source: documents' sample code where the header is absent
CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 125.0  # Dataverse ends an operation after 120 s itself
MAX_ANSWER_BYTES = 256 * 1024 * 1024
CORRELATION_HEADERS = ("x-ms-service-request-id", "ms-dyn-aid", "x-ms-request-id", "req_id")


class NotSentError(UnreachableError):
    """Nothing reached the service, so nothing was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def correlation(self) -> str:
        """The service's own id of this request, for its support; "" where it gave none."""
        return next((self.headers[name] for name in CORRELATION_HEADERS if name in self.headers), "")

    def sent_at(self, name: str) -> datetime:
        """When the service answered, by its own clock.

        Raises: PermanentError when it does not tell.
        """
        try:
            return parsedate_to_datetime(self.headers.get("date", "")).astimezone(UTC)
        except (ValueError, TypeError) as error:
            raise PermanentError(f"{name} does not tell its time (no Date header).") from error


class HttpClient:
    """Calls to one environment; `root` is its service document, `calls` counts what was sent by method."""

    def __init__(
        self, settings: Settings, *, root: str, headers: Mapping[str, str], transport: httpx.BaseTransport | None = None
    ) -> None:
        self.root = root
        self.host = urlsplit(root).netloc.lower()
        self.name = settings.name
        self.calls: Counter[str] = Counter()
        self._origin = _origin(root)
        self._max_bytes = int(settings.options.get("max_answer_bytes", MAX_ANSWER_BYTES))
        answer_s = float(settings.options.get("timeout_s", ANSWER_TIMEOUT_S))
        self._client = httpx.Client(
            headers=dict(headers),
            timeout=httpx.Timeout(answer_s, connect=min(CONNECT_TIMEOUT_S, answer_s)),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16),
            verify=ssl_context(),
            http2=urlsplit(root).scheme == "https",
            follow_redirects=False,
            transport=transport,
        )
        scope = f"{urlsplit(root).scheme}://{self.host}/.default"
        self._tokens = TokenSource(settings, scope=scope, client=self._client)

    def close(self) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        only_reads: bool | None = None,
    ) -> Answer:
        """The answer to one call; `url` is relative to the root or one of the service's own links.

        Raises: ThrottledError, UnreachableError (NotSentError when nothing was sent), CredentialsError, and
        PermanentError for another host, a redirect, a web page or an answer over the size limit.
        """
        target = self._absolute(url)
        may_repeat = method == "GET" if only_reads is None else only_reads
        for attempt in range(ATTEMPTS):
            try:
                return self._signed(method, target, content, headers or {})
            except TransientError as error:
                wait_s = _wait_s(error, attempt, may_repeat=may_repeat)
                if wait_s is None:
                    raise
                time.sleep(wait_s)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def get(self, url: str, *, prefer: str = "") -> Answer:
        return self.send("GET", url, headers={"Prefer": prefer} if prefer else None)

    def clock_offset_s(self, url: str) -> float:
        """The service's clock minus ours, by the Date header of a cheap read; good to about half a second.

        Raises: PermanentError when the service does not tell its time.
        """
        before = time.time()
        answer = self.get(url)
        ours = (before + time.time()) / 2
        # The header cuts the second off, so the true time lies half a second later on average.
        return answer.sent_at(self.name).timestamp() + 0.5 - ours

    def _absolute(self, url: str) -> str:
        target = urljoin(self.root, url)
        if _origin(target) != self._origin:
            raise PermanentError(
                f"{self.name} gave a link to another host ({urlsplit(target).netloc}); it was not followed, "
                "so that credentials stay with the configured address."
            )
        return target

    def _signed(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        """One call with a token, once more with a new one when the service no longer takes the old."""
        token = self._tokens.token()
        answer = self._once(method, url, content, headers, token)
        if answer.status == 401:
            self._tokens.forget(token)
            answer = self._once(method, url, content, headers, self._tokens.token())
        return self._checked(answer)

    def _once(self, method: str, url: str, content: bytes, headers: Mapping[str, str], token: str) -> Answer:
        sent = {**headers, "Authorization": f"Bearer {token}", "x-ms-client-request-id": str(uuid.uuid4())}
        self.calls[method] += 1
        try:
            with self._client.stream(method, url, content=content or None, headers=sent) as response:
                body = self._limited(response)
                return Answer(status=response.status_code, headers=response.headers, body=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._translated(error) from error

    def _limited(self, response: httpx.Response) -> bytes:
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > self._max_bytes:
                raise PermanentError(f"{self.name} sent more than {self._max_bytes:,} bytes in one answer.")
            parts.append(part)
        return b"".join(parts)

    def _translated(self, error: Exception) -> SyncError:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return PermanentError(f"The certificate of {self.host} does not match; check the address of {self.name}.")
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
            return NotSentError(f"{self.name} cannot be reached at {self.host} ({type(error).__name__}).")
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol | httpx.DecodingError):
            return PermanentError(f"{self.name} cannot be spoken to at {self.host} ({type(error).__name__}).")
        return UnreachableError(f"{self.name} broke off the connection or took too long ({type(error).__name__}).")

    def _checked(self, answer: Answer) -> Answer:
        if answer.status == 401:
            raise CredentialsError(self._with_id(f"{self.name} does not accept its own token", answer), code="401")
        if answer.status == 429:
            due_at = datetime.now(UTC) + timedelta(seconds=retry_after_s(answer.headers))
            raise ThrottledError(self._with_id(f"{self.name} asks to slow down", answer), code="429", due_at=due_at)
        if answer.status >= 500 or answer.status == 408:
            raise UnreachableError(self._with_id(f"{self.name} failed", answer), code=str(answer.status))
        if 300 <= answer.status < 400 and answer.status != 304:
            raise PermanentError(f"{self.name} sends on to another address; enter the final address instead.")
        if is_web_page(answer.body):
            raise PermanentError(self._with_id(f"{self.name} answered with a web page; check its address", answer))
        return answer

    def _with_id(self, what: str, answer: Answer) -> str:
        reason = "" if is_web_page(answer.body) else read_problem(answer.body).text
        request = f" (request id {answer.correlation})" if answer.correlation else ""
        return f"{what}: status {answer.status}{', ' + reason if reason else ''}{request}"


def retry_after_s(headers: Mapping[str, str]) -> float:
    """The wait that the service asks for, given in seconds or as a date."""
    text = headers.get("retry-after", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return DEFAULT_RETRY_AFTER_S


def _wait_s(error: TransientError, attempt: int, *, may_repeat: bool) -> float | None:
    """How long to wait before the same call once more; None when the caller must decide."""
    if attempt + 1 == ATTEMPTS:
        return None
    if isinstance(error, ThrottledError) and error.due_at is not None:
        wait_s = (error.due_at - datetime.now(UTC)).total_seconds()
        return max(0.0, wait_s) if wait_s <= PATIENCE_S else None
    if not may_repeat and not isinstance(error, NotSentError):
        return None
    return FIRST_WAIT_S * float(4**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, guards nothing


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)


@cache
def ssl_context() -> ssl.SSLContext:
    """The certificates that are trusted; read once a process, as that takes longer than a call."""
    return httpx.create_ssl_context()
