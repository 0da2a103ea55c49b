"""Whether a link may be acted on. Whoever acts on it, or on its maps, asks here first, within its own transaction.

Services lock the link before its maps. Acts on several maps go on side by side; what changes the link itself waits for
them and keeps others off, so that nothing starts on a link that is being unlinked.
"""

from collections.abc import Iterable

from psycopg.sql import SQL

from syncengine.models import Link
from syncengine.services.database import raw
from syncengine.services.errors import Refused
from syncengine.states import LinkState

_HOLD = SQL("SELECT name, state FROM syncengine_link WHERE id = ANY(%s) ORDER BY id FOR SHARE")


def hold(link_ids: Iterable[int]) -> None:
    """Keeps the links as they are up to the end of the transaction.

    Raises: Refused when one of them is unlinked.
    """
    for name, state in raw().execute(_HOLD, (sorted(set(link_ids)),)).fetchall():
        _refuse_unlinked(name, state)


def alone(link_id: int) -> Link:
    """The link as it is now; nobody else acts on it up to the end of the transaction.

    Raises: Refused when it is unlinked.
    """
    link = Link.objects.select_for_update(no_key=True).get(pk=link_id)
    _refuse_unlinked(link.name, link.state)
    return link


def _refuse_unlinked(name: str, state: str) -> None:
    if state == LinkState.UNLINKED:
        raise Refused(f"{name} is unlinked, so nothing of it can be changed any more.")
