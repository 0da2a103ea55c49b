"""What the frame around every page shows: the links, the chosen one and what is open in it."""

from dataclasses import dataclass, field
from functools import cached_property

from portal.selectors.counts import RowCount, capped
from syncengine.models import Link, StoredSyncError
from syncengine.states import ErrorState, LinkState

BADGE_LIMIT = 999


@dataclass(kw_only=True)
class Frame:
    """`link` is None while the portal has no link."""

    links: list[Link]
    link: Link | None
    others: list[Link] = field(init=False)

    def __post_init__(self) -> None:
        self.others = [link for link in self.links if link != self.link]

    def showing(self, link: Link) -> "Frame":
        """The same frame around a page of that link."""
        return Frame(links=self.links, link=link)

    @cached_property
    def was_linked(self) -> bool:
        """Whether there is activity of links that are unlinked by now."""
        return Link.objects.filter(state=LinkState.UNLINKED).exists()

    @cached_property
    def open_errors(self) -> RowCount:
        """Open sync errors of the link, counted up to what the badge can show."""
        if self.link is None:
            return RowCount(value=0)
        rows = StoredSyncError.objects.filter(map__link=self.link, state=ErrorState.OPEN)
        return capped(rows.order_by()[: BADGE_LIMIT + 1].count(), BADGE_LIMIT)

    @cached_property
    def problem(self) -> str:
        """Why the link does not work as a whole; "" while all is well."""
        if self.link is None:
            return ""
        return self.link.halted_reason or self.link.left.problem or self.link.right.problem


def frame_of(chosen_id: int | None) -> Frame:
    """The frame with that link chosen; with the first one where there is no such link."""
    links = list(Link.objects.exclude(state=LinkState.UNLINKED).select_related("left", "right").order_by("name"))
    chosen = next((link for link in links if link.pk == chosen_id), links[0] if links else None)
    return Frame(links=links, link=chosen)
