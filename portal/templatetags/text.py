"""Numbers, times and long values as pages show them."""

from datetime import UTC, datetime

from django import template
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from portal.selectors.counts import RowCount

register = template.Library()


@register.filter
def grouped(number: int | float) -> str:
    """12480 as 12,480."""
    return number_format(number, decimal_pos=0, use_l10n=True, force_grouping=True)


@register.filter
def counted(count: RowCount) -> str:
    """An exact count, or a round number that says that it is one."""
    if count.is_exact:
        return grouped(count.value)
    digits = max(len(str(count.value)) - 3, 0)
    return gettext("about %(count)s") % {"count": grouped(round(count.value, -digits))}


@register.filter
def capped(count: RowCount) -> str:
    """A count that stopped at its limit, with a plus."""
    return grouped(count.value) if count.is_exact else f"{grouped(count.value)}+"


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """How long ago, with the exact time on hover; a dash for never."""
    if at is None:
        return "–"
    at = at.astimezone(UTC)
    exact = at.strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact, ago(at, now=timezone.now()))


def ago(at: datetime, *, now: datetime) -> str:
    """The largest unit that fits. The page's script says the same in the same words while the page is open."""
    seconds = (now - at).total_seconds()
    if seconds < 0:
        return gettext("in %(time)s") % {"time": duration(-seconds)}
    for size, words in ((86_400, gettext("0 d ago")), (3_600, gettext("0 h ago")), (60, gettext("0 min ago"))):
        if seconds >= size:
            return words.replace("0", str(int(seconds // size)))
    return gettext("just now")


@register.filter
def duration(seconds: float | None) -> str:
    """A span of time in its two largest units: 3 s, 2 min 10 s, 1 h 5 min."""
    if seconds is None:
        return "–"
    whole = max(round(seconds), 0)
    hours, rest = divmod(whole, 3_600)
    minutes, left = divmod(rest, 60)
    if hours:
        return gettext("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    if minutes:
        return gettext("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": left}
    return gettext("%(seconds)d s") % {"seconds": left}


@register.simple_tag
def span(start: datetime | None, end: datetime | None) -> str:
    """How long something took, or takes until now."""
    return duration(((end or timezone.now()) - start).total_seconds()) if start else "–"


@register.filter
def middle(text: str | None, size: int = 40) -> SafeString | str:
    """A long value without its middle, whole on hover and in the clipboard."""
    if text is None:
        return ""
    if len(text) <= size:
        return text
    head = size // 2
    return format_html(
        '<span class="cut" title="{}">{}…{}</span>'
        '<button type="button" class="copy" data-copy="{}" aria-label="{}"></button>',
        text,
        text[:head],
        text[-(size - head - 1) :],
        text,
        gettext("Copy"),
    )
