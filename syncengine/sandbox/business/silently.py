"""Random changes that nobody is told of, so that a comparison has something to find."""

from collections import Counter

from syncengine.sandbox import change_log, loading, silent
from syncengine.sandbox.business import plan
from syncengine.sandbox.business.plan import CREATE, DELETE, UPDATE, Change
from syncengine.sandbox.business.wishes import BadWish, Wish
from syncengine.sandbox.calls import ServiceError
from syncengine.sandbox.site import Site

MOST = 5_000


def make(site: Site, wish: Wish) -> dict[str, int]:
    """How many rows were created, updated and deleted, and how many changes were refused or found no row.

    Raises: BadWish for more than are made at once, or tables without rows.
    """
    if wish.count > MOST:
        raise BadWish(f"At most {MOST:,} silent changes are made at once. Ask for fewer, or several times.")
    plan.check(site, wish)
    counts: Counter[str] = Counter()
    for change in plan.changes(site, wish):
        counts["skipped" if change is None else _make(site, change)] += 1
    return {"creates": counts[CREATE], "updates": counts[UPDATE], "deletes": counts[DELETE]} | {
        name: counts[name] for name in ("refused", "skipped")
    }


def _make(site: Site, change: Change) -> str:
    """What became of it."""
    try:
        if change.operation == CREATE:
            with change_log.written_by(silent.WRITER):
                loading.load(site, change.shape, [change.body], raises_events=False)
        elif change.operation == UPDATE:
            silent.edit_row(site, change.shape, change.row_id, change.body)
        else:
            silent.delete_row(site, change.shape, change.row_id)
    except ServiceError:
        return "refused"
    return change.operation
