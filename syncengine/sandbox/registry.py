"""Which sandboxes there are: one row each, with their settings, and the declarations of their tables."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from syncengine.sandbox import declarations
from syncengine.sandbox.declarations import Document, FinopsDocument, Kind
from syncengine.sandbox.inventory import Inventory
from syncengine.sandbox.limits import Limits

LIMITS = {Kind.FINOPS: Limits(requests=0, execution_s=0, concurrency=0), Kind.DATAVERSE: Limits()}
VERSIONS = {Kind.FINOPS: ("10.0.42", "10.0.2015.1030"), Kind.DATAVERSE: ("9.2.24112.00172", "9.2.24112.00172")}

# A copy has its own of these.
OF_ONE = ("environment_id", "organization_id", "clients", "tokens_valid_from", "signing_key", "password")

_TABLES = """
CREATE SCHEMA IF NOT EXISTS sandboxes;
CREATE TABLE IF NOT EXISTS sandboxes.sandbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    kind text NOT NULL,
    port integer NOT NULL UNIQUE,
    settings jsonb NOT NULL,
    faults jsonb NOT NULL DEFAULT '{}',
    counts jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
-- Declarations by a fingerprint of their content: sandboxes made by the same release share theirs.
CREATE TABLE IF NOT EXISTS sandboxes.document (
    fingerprint text PRIMARY KEY,
    content text NOT NULL
);
CREATE TABLE IF NOT EXISTS sandboxes.declaration (
    sandbox_id bigint NOT NULL REFERENCES sandboxes.sandbox ON DELETE CASCADE,
    place integer NOT NULL,
    fingerprint text NOT NULL REFERENCES sandboxes.document,
    declared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sandbox_id, place)
);
"""
Guid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
Filled = Annotated[str, msgspec.Meta(min_length=1)]
Lifetime = Annotated[int, msgspec.Meta(ge=0, le=366 * 24 * 3600)]
_documents: dict[str, Document] = {}  # read once a process
_inventories: dict[tuple[str, ...], Inventory] = {}


class Client(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An application that may sign in; `user_id` is the user that it acts as."""

    client_id: Guid
    client_secret: str
    user_id: Guid
    name: str = "Integration"
    missing_privileges: list[str] = []  # of its user, such as "prvWriteAccount"; `*` stands for anything

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Client({self.client_id!r}, {self.name!r})"


class TableChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was set for a table of dataverse after it was declared, and when (seconds since 1970)."""

    tracks_changes: bool
    changed_at: float


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an administrator of the environment could set or read about it."""

    tenant_id: str
    environment_id: str
    organization_id: Guid
    clients: Annotated[list[Client], msgspec.Meta(min_length=1)]
    version: str
    build: str
    data_centre: str = "europe"
    is_trial: bool = False
    default_company: str = ""
    token_lifetime_s: Lifetime = 3599
    tokens_valid_from: float = 0.0
    delta_lifetime_s: Lifetime = 7 * 24 * 3600
    refuses_with_500: bool = False
    refuses_old_tokens_with_410: bool = False  # of the delta feed; else with 400
    has_opaque_skip_tokens: bool = False  # else they are cookies in XML
    takes_bare_line_feeds: bool = False  # in a batch; else only CR LF ends a line
    needs_content_ids: bool = True  # in the parts of a change set
    webhook_time_limit_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    table_changes: dict[str, TableChange] = {}  # by set
    max_page_rows: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 10_000  # finops; older builds had 1,000
    forbidden_sets: list[str] = []  # finops: entities that its users have no privilege on
    throttled_body: Literal["error", "message", "html", "empty"] = "error"  # finops: what a 429 holds
    sends_retry_after: bool = True  # finops: a 429 says how long to wait
    nests_failed_change_sets: bool = False  # finops: the one answer of a failed change set is a multipart of its own
    max_endpoints: Annotated[int, msgspec.Meta(ge=0)] = 10  # finops: for one event and company
    data_event_names: Literal["mserp", "on_external"] = "mserp"  # finops: what a data event's MessageName is made of
    data_event_scale: Annotated[float, msgspec.Meta(gt=0)] = 1.0  # finops: how many times smaller their limits are
    drops_data_events: bool = False  # finops: those over the limits are lost; else they come late
    package_wait_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0  # finops: an import takes at least so long
    blob_lifetime_s: Lifetime = 3600  # finops: how long the address of a package's file counts
    limits: Limits = Limits()
    is_secure: bool = False  # speaks HTTPS, with a certificate of its own making
    signing_key: Filled = msgspec.field(default_factory=lambda: secrets.token_hex(32))
    user_name: Filled = "administrator"  # who may sign in to the sandbox's own pages
    password: Filled = msgspec.field(default_factory=lambda: secrets.token_urlsafe(12))

    def __repr__(self) -> str:
        """Without password, key and the clients' secrets."""
        return f"Settings({self.environment_id!r}, {self.version!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A sandbox as it is kept. `declared_at` tells when each table took its present form."""

    id: int
    name: str
    kind: Kind
    port: int
    settings: Settings
    faults: dict[str, Any]
    counts: dict[str, int]
    inventory: Inventory
    declared_at: dict[str, datetime]

    @property
    def schema(self) -> str:
        return f"sandbox_{self.id}"


class UnknownSandbox(LookupError):
    """No sandbox has this name."""


class NameTaken(ValueError):
    """A sandbox of this name is there."""


def prepare(connection: Connection[Any]) -> None:
    connection.execute(_TABLES)


def new_settings(kind: Kind) -> Settings:
    version, build = VERSIONS[kind]
    return Settings(
        tenant_id=str(uuid4()),
        environment_id=str(uuid4()),
        organization_id=str(uuid4()),
        clients=[new_client()],
        version=version,
        build=build,
        limits=LIMITS[kind],
    )


def copied_settings(kind: Kind, settings: Settings) -> Settings:
    """Those of a copy: an environment of its own, with credentials of its own, that behaves the same."""
    own = new_settings(kind)
    return msgspec.structs.replace(settings, **{name: getattr(own, name) for name in OF_ONE})


def new_client(name: str = "Integration") -> Client:
    return Client(client_id=str(uuid4()), client_secret=secrets.token_urlsafe(24), user_id=str(uuid4()), name=name)


def changed_settings(settings: Settings, changes: dict[str, Any]) -> Settings:
    """The settings with these values. Raises: ValueError for a name or value that is none."""
    try:
        return msgspec.convert({**msgspec.to_builtins(settings), **changes}, Settings)
    except msgspec.ValidationError as error:
        raise ValueError(f"The settings are not understood: {error}") from error


def add(
    connection: Connection[Any],
    *,
    name: str,
    kind: Kind,
    port: int,
    settings: Settings,
    document: Document,
) -> Record:
    """Raises: NameTaken."""
    row = connection.execute(
        "INSERT INTO sandboxes.sandbox (name, kind, port, settings) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (name) DO NOTHING RETURNING id",
        (name, kind, port, _json(settings)),
    ).fetchone()
    if row is None:
        raise NameTaken(f"A sandbox named {name!r} is already there.")
    add_document(connection, row[0], document)
    return get(connection, name)


def add_document(connection: Connection[Any], sandbox_id: int, document: Document) -> None:
    connection.execute(
        "INSERT INTO sandboxes.declaration (sandbox_id, place, fingerprint)"
        " SELECT %(id)s, coalesce(max(place), 0) + 1, %(fingerprint)s FROM sandboxes.declaration"
        " WHERE sandbox_id = %(id)s",
        {"id": sandbox_id, "fingerprint": _kept(connection, document)},
    )


def _kept(connection: Connection[Any], document: Document) -> str:
    """The fingerprint under which the document is kept from now on."""
    content = msgspec.json.encode(document)
    kind = Kind.FINOPS if isinstance(document, FinopsDocument) else Kind.DATAVERSE
    fingerprint = f"{kind} {hashlib.sha256(content).hexdigest()}"
    if not connection.execute("SELECT FROM sandboxes.document WHERE fingerprint = %s", (fingerprint,)).rowcount:
        connection.execute(
            "INSERT INTO sandboxes.document VALUES (%s, %s) ON CONFLICT DO NOTHING", (fingerprint, content.decode())
        )
    return fingerprint


def restamp(connection: Connection[Any], sandbox_id: int) -> None:
    """All tables count as made anew: what was known of their rows holds no longer."""
    connection.execute(
        "UPDATE sandboxes.declaration SET declared_at = clock_timestamp() WHERE sandbox_id = %s", (sandbox_id,)
    )


def save_settings(connection: Connection[Any], sandbox_id: int, settings: Settings) -> None:
    connection.execute("UPDATE sandboxes.sandbox SET settings = %s WHERE id = %s", (_json(settings), sandbox_id))


def save_faults(connection: Connection[Any], sandbox_id: int, faults: dict[str, Any]) -> None:
    connection.execute("UPDATE sandboxes.sandbox SET faults = %s WHERE id = %s", (Jsonb(faults), sandbox_id))


def save_counts(connection: Connection[Any], sandbox_id: int, counts: dict[str, int]) -> None:
    connection.execute("UPDATE sandboxes.sandbox SET counts = %s WHERE id = %s", (Jsonb(counts), sandbox_id))


def remove(connection: Connection[Any], name: str) -> None:
    connection.execute("DELETE FROM sandboxes.sandbox WHERE name = %s", (name,))


def ports(connection: Connection[Any]) -> set[int]:
    return {port for (port,) in connection.execute("SELECT port FROM sandboxes.sandbox")}


def names(connection: Connection[Any]) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sandboxes.sandbox ORDER BY id")]


def get(connection: Connection[Any], name: str) -> Record:
    """Raises: UnknownSandbox."""
    row = connection.execute(
        "SELECT id, name, kind, port, settings, faults, counts FROM sandboxes.sandbox WHERE name = %s", (name,)
    ).fetchone()
    if row is None:
        raise UnknownSandbox(f"There is no sandbox named {name!r}.")
    declared = connection.execute(
        "SELECT fingerprint, declared_at FROM sandboxes.declaration WHERE sandbox_id = %s ORDER BY place", (row[0],)
    ).fetchall()
    kind, fingerprints = Kind(row[2]), tuple(fingerprint for fingerprint, _ in declared)
    documents = [_document(connection, kind, fingerprint) for fingerprint in fingerprints]
    return Record(
        id=row[0],
        name=row[1],
        kind=kind,
        port=row[3],
        settings=msgspec.convert(row[4], Settings),
        faults=row[5],
        counts=row[6],
        inventory=_inventory(kind, fingerprints, documents),
        declared_at={
            table.set: declared_at
            for (_, declared_at), document in zip(declared, documents, strict=True)
            for table in document.tables
        },
    )


def _document(connection: Connection[Any], kind: Kind, fingerprint: str) -> Document:
    if fingerprint not in _documents:
        found = connection.execute("SELECT content FROM sandboxes.document WHERE fingerprint = %s", (fingerprint,))
        (content,) = found.fetchone() or ("",)
        _documents[fingerprint] = declarations.read(kind, content.encode())
    return _documents[fingerprint]


def _inventory(kind: Kind, fingerprints: tuple[str, ...], documents: Sequence[Document]) -> Inventory:
    if fingerprints not in _inventories:
        _inventories[fingerprints] = Inventory(declarations.merged(kind, documents))
    return _inventories[fingerprints]


def _json(value: Any) -> Jsonb:
    return Jsonb(msgspec.to_builtins(value, str_keys=True))
