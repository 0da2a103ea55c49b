"""An environment that a person has entered and that is not kept yet: complete, reachable, fit for use."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from syncengine.catalog import Catalog
from syncengine.connectors import connect
from syncengine.connectors.base import Identity, Settings
from syncengine.errors import SyncError
from syncengine.models import Environment
from syncengine.services.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentDraft:
    name: str
    kind: str
    base_url: str
    token_url: str
    tenant: str
    client_id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    identity: Identity
    catalog: Catalog
    clock_offset_s: float


def settings_from(draft: EnvironmentDraft) -> Settings:
    """Raises: Refused for a draft with something missing."""
    required = {
        "name": draft.name,
        "tenant": draft.tenant,
        "client id": draft.client_id,
        "secret": draft.secret,
    }
    missing = [label for label, value in required.items() if not value.strip()]
    if missing:
        raise Refused(f"Enter the {' and the '.join(missing)}.")
    if draft.kind not in Environment.Kind.values:
        raise Refused("Choose the kind of the environment.")
    return Settings(
        kind=draft.kind,
        name=draft.name.strip(),
        base_url=_address(draft.base_url, "address of the environment"),
        token_url=_address(draft.token_url, "token address"),
        tenant=draft.tenant.strip(),
        client_id=draft.client_id.strip(),
        secret=draft.secret.strip(),
    )


def _address(text: str, what: str) -> str:
    try:
        parts = urlsplit(text.strip())
        complete = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise Refused(f"Enter the {what} in full, beginning with https://.")
    return text.strip().rstrip("/")


def examine(settings: Settings) -> Findings:
    """What answers at the address. Raises: Refused with the first check that fails."""
    connector = connect(settings)
    try:
        failed = next((check for check in connector.check() if not check.ok), None)
        if failed is not None:
            raise Refused(f"{failed.detail.rstrip('.')}. {failed.remedy}".strip())
        return Findings(
            identity=connector.identity(), catalog=connector.catalog(), clock_offset_s=connector.clock_offset_s()
        )
    except SyncError as exc:
        raise Refused(f"{settings.name} could not be examined: {exc}") from exc
    finally:
        connector.close()
