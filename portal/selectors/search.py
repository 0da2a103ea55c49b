"""What the search field finds: maps by name, errors by number or key."""

from dataclasses import dataclass

from portal.selectors.maps import maps_of
from portal.selectors.sync_errors import ORDER, errors_of, for_list
from syncengine.models import EntityMap, Link, StoredSyncError

SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    maps: list[EntityMap]
    errors: list[StoredSyncError]

    @property
    def is_empty(self) -> bool:
        return not self.maps and not self.errors


def search(link: Link, text: str) -> Found:
    """The first finds of each kind; none for an empty text."""
    if not text:
        return Found(maps=[], errors=[])
    return Found(
        maps=list(maps_of(link, q=text).order_by("name")[:SHOWN]),
        errors=list(for_list(errors_of(link, q=text)).order_by(*ORDER)[:SHOWN]),
    )
