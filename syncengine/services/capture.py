"""Capture: changes of environments brought into the journal, by push and by polling.

Push is never trusted alone: the delta feed, or polling, runs always and is the record of truth; push only shortens the
wait. A cursor is saved in the transaction that appends what came before it, so a crash repeats events and loses none.
Tables whose deletes cannot be polled are listed from time to time, and the listing is compared with the last one.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl
import structlog
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from syncengine import doorbell
from syncengine.catalog import Table
from syncengine.connectors.base import EVENT_SCHEMA, Connector, Subscription
from syncengine.errors import CursorExpiredError, PermanentError, SyncError, TransientError
from syncengine.models import Activity, CaptureCursor, EntityMap, Environment, Link
from syncengine.pipeline.work import OWN_MARK
from syncengine.repository import journal, leases, listings
from syncengine.services import activity, environments, sandboxes
from syncengine.services.database import atomic, raw
from syncengine.services.live import owner
from syncengine.states import RECORDING, LinkState, MapState, Side

log = structlog.get_logger()

SANDBOX_HANDLE = "sandbox"  # of a registration that all tables of a sandbox share


# --- Which tables ------------------------------------------------------------------------------------------------


def _reading(environment: Environment) -> dict[str, list[EntityMap]]:
    """Table in lower case → the maps that record its changes."""
    found: dict[str, list[EntityMap]] = {}
    maps = (
        EntityMap.objects.filter(state__in=RECORDING).exclude(link__state=LinkState.UNLINKED).select_related("version")
    )
    for map_ in maps.filter(link__left=environment):
        found.setdefault(map_.left_table.lower(), []).append(map_)
    for map_ in maps.filter(link__right=environment):
        found.setdefault(map_.right_table.lower(), []).append(map_)
    return found


def _mapped_columns(table: Table, maps: Sequence[EntityMap]) -> list[str]:
    names = set()
    for map_ in maps:
        for line in map_.definition.fields:
            for name in (line.left, line.right):
                column = table.column(name.split(".")[0]) if name else None
                if column is not None:
                    names.add(column.name)
    return sorted(names)


# --- Beginning and ending ----------------------------------------------------------------------------------------


def begin(link: Link, map_: EntityMap) -> None:
    """Makes sure that both tables of the map are captured from now on. Called before the load reads anything."""
    for environment, table in _tables(link, map_):
        _begin_table(environment, table)


def begin_push(link: Link, map_: EntityMap) -> None:
    """Asks both environments to tell of changes to the map's tables, and looks at once for what came before their first
    word. Called when the load is done: it makes thousands of changes, and its own need no telling."""
    for environment, table in _tables(link, map_):
        if settings.PUSH_ENABLED:
            _push_table(environment, table)
        now = timezone.now()
        CaptureCursor.objects.filter(environment=environment, table=table.name).update(
            poll_due_at=now, listing_due_at=now
        )


def _tables(link: Link, map_: EntityMap) -> list[tuple[Environment, Table]]:
    names = {Side.LEFT: map_.left_table, Side.RIGHT: map_.right_table}
    found = [
        (link.environment(side), environments.catalog_of(link.environment(side)).table(names[side])) for side in Side
    ]
    return [(environment, table) for environment, table in found if table is not None]


def _begin_table(environment: Environment, table: Table) -> None:
    cursor, _ = CaptureCursor.objects.get_or_create(environment=environment, table=table.name)
    connector = environments.open_connector(environment)
    traits = connector.capture_traits(table)
    if traits.polls and cursor.cursor is None:
        start = connector.poll(table, columns=[], cursor=None)
        CaptureCursor.objects.filter(pk=cursor.pk, cursor=None).update(cursor=start.cursor, polled_at=timezone.now())
    if not traits.polls_deletes and cursor.listed_at is None:
        _list_table(environment, connector, table, cursor)


def _push_table(environment: Environment, table: Table) -> None:
    """Asks one environment; without push polling brings everything, only later."""
    try:
        _subscribe(environment, [table.name])
    except SyncError as error:
        note = f"{environment.name} does not push changes of this table; polling brings them. {error}"
        CaptureCursor.objects.filter(environment=environment, table=table.name).update(note=note[:500])


def _subscribe(environment: Environment, names: Sequence[str]) -> None:
    catalog, reading = environments.catalog_of(environment), _reading(environment)
    tables = [table for name in names if (table := catalog.table(name)) is not None]
    columns: dict[str, Sequence[str]] = {
        table.name: _mapped_columns(table, reading.get(table.name.lower(), [])) for table in tables
    }
    connector = environments.open_connector(environment)
    url, secret = hook_url(environment), hook_secret(environment)
    for subscription in connector.subscribe(tables, url=url, secret=secret, columns=columns):
        handle, note = subscription.handle, subscription.note
        if not subscription.is_ours:
            handle = SANDBOX_HANDLE if sandboxes.register_endpoint(environment, url=url, secret=secret) else ""
            note = "" if handle else note
        CaptureCursor.objects.filter(environment=environment, table=subscription.table).update(
            subscription=handle, note=note
        )


def end_unused(environment: Environment) -> None:
    """Gives up the captures that no map needs any more, registrations included."""
    reading = _reading(environment)
    unused = [c for c in CaptureCursor.objects.filter(environment=environment) if c.table.lower() not in reading]
    handles = [c for c in unused if c.subscription and c.subscription != SANDBOX_HANDLE]
    CaptureCursor.objects.filter(pk__in=[cursor.pk for cursor in unused]).delete()
    try:
        if handles:
            environments.open_connector(environment).unsubscribe([_subscription(cursor) for cursor in handles])
        if not reading and any(cursor.subscription == SANDBOX_HANDLE for cursor in unused):
            sandboxes.remove_endpoint(environment)
    except SyncError as error:  # a notification nobody reads does no harm
        log.warning("registration left behind", environment=environment.name, reason=str(error))


def _subscription(cursor: CaptureCursor) -> Subscription:
    return Subscription(table=cursor.table, handle=cursor.subscription)


# --- Push --------------------------------------------------------------------------------------------------------


def hook_url(environment: Environment) -> str:
    return f"{settings.PUBLIC_URL}/hooks/{environment.hook_token}/"


def hook_secret(environment: Environment) -> str:
    """What the environment proves itself with, in a header, when it calls."""
    return salted_hmac("twofold.hooks", environment.hook_token, algorithm="sha256").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Caller:
    """An environment that calls. `own_marks`: marks of writes that concern nobody else, as it is in one link only."""

    environment: Environment
    own_marks: list[str]
    read_at: float


CALLER_KEPT_S = 5.0
_callers: dict[str, _Caller] = {}


def _caller(hook_token: str) -> _Caller | None:
    """Who has this address; asked of the database every few seconds, since a load makes thousands of calls."""
    kept = _callers.get(hook_token)
    if kept is not None and time.monotonic() - kept.read_at < CALLER_KEPT_S:
        return kept
    environment = Environment.objects.filter(hook_token=hook_token).first()
    if environment is None:
        return None
    links = Link.objects.filter(Q(left=environment) | Q(right=environment)).exclude(state=LinkState.UNLINKED)
    marks = [f"{OWN_MARK}{number}" for number in links.values_list("pk", flat=True)]
    own_marks = marks if len(marks) == 1 else []
    caller = _callers[hook_token] = _Caller(environment=environment, own_marks=own_marks, read_at=time.monotonic())
    return caller


def receive(hook_token: str, *, secret: str, body: bytes) -> int:
    """Appends what a pushed message says and gives the number of changes; None stands for a stranger.

    Raises: PermissionError for an unknown address or a wrong secret, PermanentError for a body that says nothing.
    """
    caller = _caller(hook_token)
    if caller is None or not constant_time_compare(secret, hook_secret(caller.environment)):
        raise PermissionError("unknown address or wrong secret")
    environment = caller.environment
    catalog = environments.catalog_of(environment)
    events = environments.connector_of(environment).read_notification(body, catalog.tables)
    if events.filter(~pl.col("origin").is_in(caller.own_marks).fill_null(False)).is_empty():
        return 0
    tables = events["table"].unique().to_list()
    with atomic() as conn:
        appended = journal.append_events(conn, environment.pk, events)
        CaptureCursor.objects.filter(
            Q(pushed_at=None) | Q(pushed_at__lt=timezone.now() - timedelta(seconds=1)),
            environment=environment,
            table__in=tables,
        ).update(pushed_at=timezone.now())
        _ring(appended)
    return int(appended["appended"].sum())


# --- Polling -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often to look, in seconds."""

    poll_s: float = 5.0  # while push is off or missed something
    poll_with_push_s: float = 60.0
    listing_s: float = 60.0
    listing_with_push_s: float = 600.0

    def while_loading(self) -> "Rhythm":
        """For a table whose changes wait anyway. Most are the load's own: seen later, they are agreed by then."""
        return replace(self, poll_s=self.poll_with_push_s)


def capture_all(now: datetime, rhythm: Rhythm) -> int:
    """Polls and lists whatever is due in the environments that this process holds; gives the number of changes."""
    linked = Link.objects.exclude(state=LinkState.UNLINKED)
    ids = set(linked.values_list("left_id", flat=True)) | set(linked.values_list("right_id", flat=True))
    changes = 0
    for environment in Environment.objects.filter(pk__in=ids, disabled_at=None):
        if leases.acquire_capture(raw(), environment.pk, owner()):
            changes += capture_environment(environment, now, rhythm)
    return changes


def capture_environment(environment: Environment, now: datetime, rhythm: Rhythm) -> int:
    """As `capture_all`, for one environment."""
    catalog, changes = environments.catalog_of(environment), 0
    reading = _reading(environment)
    due = CaptureCursor.objects.filter(Q(poll_due_at__lte=now) | Q(listing_due_at__lte=now), environment=environment)
    for cursor in due:
        table = catalog.table(cursor.table)
        if table is None or cursor.table.lower() not in reading:
            continue
        is_loading = all(map_.state == MapState.INITIALIZING for map_ in reading[cursor.table.lower()])
        try:
            changes += _capture_table(environment, table, cursor, now, rhythm.while_loading() if is_loading else rhythm)
            environments.note_answer(environment.pk)
        except TransientError as error:
            environments.note_problem(environment.pk, str(error))
            _postpone(cursor, now, rhythm.poll_s)
            break
        except PermanentError as error:
            CaptureCursor.objects.filter(pk=cursor.pk).update(problem=str(error)[:500])
            _postpone(cursor, now, rhythm.poll_with_push_s)
    return changes


def _postpone(cursor: CaptureCursor, now: datetime, seconds: float) -> None:
    due_at = now + timedelta(seconds=seconds)
    CaptureCursor.objects.filter(pk=cursor.pk).update(poll_due_at=due_at, listing_due_at=due_at)


def _capture_table(environment: Environment, table: Table, cursor: CaptureCursor, now: datetime, rhythm: Rhythm) -> int:
    connector = environments.open_connector(environment)
    traits, changes = connector.capture_traits(table), 0
    if traits.polls and cursor.poll_due_at <= now:
        changes += _poll_table(environment, connector, table, cursor, now, rhythm)
    if not traits.polls_deletes and cursor.listing_due_at <= now:
        changes += _list_table(environment, connector, table, cursor)
        wait_s = rhythm.listing_with_push_s if cursor.subscription else rhythm.listing_s
        if not traits.polls and not cursor.subscription:
            wait_s = min(wait_s, rhythm.listing_s)
        CaptureCursor.objects.filter(pk=cursor.pk).update(listing_due_at=now + timedelta(seconds=wait_s))
    return changes


def _poll_table(
    environment: Environment, connector: Connector, table: Table, cursor: CaptureCursor, now: datetime, rhythm: Rhythm
) -> int:
    """All pages since the cursor. What push should have brought and did not makes the next poll come sooner."""
    changes, position, has_more = 0, cursor.cursor, True
    while has_more:
        try:
            poll = connector.poll(table, columns=[], cursor=position)
        except CursorExpiredError:
            return _recover(environment, connector, table, cursor)
        with atomic() as conn:
            appended = journal.append_events(conn, environment.pk, poll.events)
            CaptureCursor.objects.filter(pk=cursor.pk).update(cursor=poll.cursor, polled_at=timezone.now(), problem="")
            _ring(appended)
        changes += int(appended["appended"].sum())
        position, has_more = poll.cursor, poll.has_more
    is_quiet = bool(cursor.subscription) and changes == 0
    wait_s = rhythm.poll_with_push_s if is_quiet else rhythm.poll_s
    CaptureCursor.objects.filter(pk=cursor.pk).update(poll_due_at=now + timedelta(seconds=wait_s))
    return changes


def _recover(environment: Environment, connector: Connector, table: Table, cursor: CaptureCursor) -> int:
    """The service forgot our position: begin anew and compare every row with what is bound."""
    start = connector.poll(table, columns=[], cursor=None)
    with atomic() as conn:
        listings.stage(conn, connector.listing(table))
        events = _events(table, listings.against_bindings(conn, environment.pk, table.name))
        appended = journal.append_events(conn, environment.pk, events)
        CaptureCursor.objects.filter(pk=cursor.pk).update(cursor=start.cursor, polled_at=timezone.now(), problem="")
        text = f"The change feed of {table.name} in {environment.name} had expired. All its rows were compared instead."
        activity.record(kind=Activity.Kind.CAPTURE, text=text)
        _ring(appended)
    return int(appended["appended"].sum())


def _list_table(environment: Environment, connector: Connector, table: Table, cursor: CaptureCursor) -> int:
    """Compares a complete listing with the last one; the first one only stands for what is there now."""
    with atomic() as conn:
        listings.alone(conn, cursor.pk)
        started_at = timezone.now()
        listings.stage(conn, connector.listing(table))
        events = _events(table, listings.difference(conn, cursor.pk))
        kept = CaptureCursor.objects.filter(pk=cursor.pk)
        is_first = not kept.filter(listed_at__isnull=False).exists()
        if not kept.update(listed_at=started_at):  # the capture was given up meanwhile: nobody needs the listing
            return 0
        listings.keep(conn, cursor.pk)
        if is_first or events.is_empty():
            return 0
        appended = journal.append_events(conn, environment.pk, events)
        _ring(appended)
    return int(appended["appended"].sum())


def _events(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        table=pl.lit(table.name),
        row_id="row_id",
        operation="operation",
        version="version",
        changed_at=pl.lit(None, dtype=EVENT_SCHEMA["changed_at"]),
        origin=pl.lit(None, dtype=pl.String),
        position=pl.lit("comparison"),
    )


def _ring(appended: pl.DataFrame) -> None:
    lanes: Iterable[int] = appended["lane_id"].unique().to_list()
    for lane_id in lanes:
        doorbell.ring(lane_id)
