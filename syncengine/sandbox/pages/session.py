"""Who is signed in: a signed cookie, a token for forms, and a brake on guessing.

Cookies of all ports of a host are one heap, so that the name holds the port and the signature the sandbox's own key
and password: a changed password ends all sessions.
"""

import base64
import hashlib
import hmac
import secrets
import threading
import time

import msgspec

from syncengine.sandbox.registry import Settings

LIFETIME_S = 12 * 3600
FREE_TRIES = 5
LONGEST_WAIT_S = 300.0
FORGOTTEN_S = 3600.0


class Session(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """`user` is "" until somebody has signed in; `mark` ties forms to the session."""

    user: str
    mark: str
    until: float


def begin(user: str = "") -> Session:
    return Session(user=user, mark=secrets.token_urlsafe(16), until=time.time() + LIFETIME_S)


def write(session: Session, settings: Settings) -> str:
    content = base64.urlsafe_b64encode(msgspec.json.encode(session)).decode()
    return f"{content}.{_signature('session', content, settings)}"


def read(text: str, settings: Settings) -> Session | None:
    """The session of this cookie; None for one that is not ours or has run out."""
    content, _, signature = text.rpartition(".")
    if not hmac.compare_digest(_signature("session", content, settings).encode(), signature.encode()):
        return None
    session = msgspec.json.decode(base64.urlsafe_b64decode(content), type=Session)
    return session if session.until > time.time() else None


def cookie_name(port: int) -> str:
    return f"sandbox-{port}"


def set_cookie(name: str, value: str, *, is_secure: bool) -> str:
    """The header; without a value the cookie goes."""
    lifetime_s = LIFETIME_S if value else 0
    parts = [f"{name}={value}", "Path=/", f"Max-Age={lifetime_s}", "HttpOnly", "SameSite=Lax"]
    return "; ".join([*parts, "Secure"] if is_secure else parts)


def form_token(session: Session, settings: Settings) -> str:
    return _signature("form", session.mark, settings)


def is_form_token(text: str, session: Session, settings: Settings) -> bool:
    return hmac.compare_digest(text.encode(), form_token(session, settings).encode())


def is_right(settings: Settings, user_name: str, password: str) -> bool:
    """Both are compared to their ends, so that the time tells nothing."""
    same_name = hmac.compare_digest(user_name.encode(), settings.user_name.encode())
    same_password = hmac.compare_digest(password.encode(), settings.password.encode())
    return same_name & same_password


def _signature(purpose: str, content: str, settings: Settings) -> str:
    key = f"{settings.signing_key} {settings.user_name} {settings.password}".encode()
    made = hmac.digest(key, f"{purpose} {content}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


class Brake:
    """After `FREE_TRIES` wrong passwords from one address each further one makes the next wait twice as long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wrong: dict[str, tuple[int, float]] = {}

    def wait_s(self, address: str) -> float:
        """How long this address has to wait before it may try again."""
        with self._lock:
            count, at = self._wrong.get(address, (0, 0.0))
        if count < FREE_TRIES:
            return 0.0
        return max(at + min(2.0 ** (count - FREE_TRIES), LONGEST_WAIT_S) - time.monotonic(), 0.0)

    def note(self, address: str, *, is_right: bool) -> None:
        with self._lock:
            now = time.monotonic()
            self._wrong = {one: each for one, each in self._wrong.items() if now - each[1] < FORGOTTEN_S}
            if is_right:
                self._wrong.pop(address, None)
            else:
                self._wrong[address] = (self._wrong.get(address, (0, now))[0] + 1, now)
