"""The generated secrets of one installation, in `var/keys.json`."""

import base64
import json
import secrets
from dataclasses import asdict, dataclass, fields

from portal.stack.errors import StackError
from portal.stack.paths import Layout, replace_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Whoever has these has everything; losing `encryption` loses the stored credentials of the environments."""

    secret: str  # Django's SECRET_KEY
    encryption: str  # Fernet key of stored secrets
    sandbox: str  # bearer token of the sandboxes' management address
    postgres: str  # password of the database server's superuser
    portal_role: str
    sandbox_role: str
    valkey: str


def load(place: Layout) -> Keys | None:
    """The keys of this installation, or nothing before its first start."""
    try:
        saved = json.loads(place.keys.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise StackError(f"Cannot read the keys in {place.keys}: {exc}.") from exc
    missing = {field.name for field in fields(Keys)} - set(saved)
    if missing:
        raise StackError(f"The keys in {place.keys} lack {', '.join(sorted(missing))}: restore the file.")
    return Keys(**{field.name: saved[field.name] for field in fields(Keys)})


def load_or_make(place: Layout) -> Keys:
    """The keys of this installation; made on its first start."""
    keys = load(place)
    if keys is None:
        keys = make()
        replace_text(place.keys, json.dumps(asdict(keys), indent=1) + "\n")
    return keys


def make() -> Keys:
    return Keys(
        secret=secrets.token_urlsafe(50),
        encryption=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        sandbox=secrets.token_urlsafe(24),
        postgres=secrets.token_urlsafe(24),
        portal_role=secrets.token_urlsafe(24),
        sandbox_role=secrets.token_urlsafe(24),
        valkey=secrets.token_urlsafe(24),
    )
