import pytest

from portal.selectors import counts
from portal.selectors.counts import RowCount, capped, row_count
from portal.templatetags.text import capped as shown_capped
from portal.templatetags.text import counted
from syncengine.models import Activity, Link
from tests.portal.make import make_activity


def test_a_count_behind_its_limit_has_a_plus() -> None:
    assert shown_capped(capped(1_001, 1_000)) == "1,000+"
    assert shown_capped(capped(1_000, 1_000)) == "1,000"


def test_an_estimate_says_that_it_is_one() -> None:
    assert counted(RowCount(value=1_032_817, is_exact=False)) == "about 1,030,000"
    assert counted(RowCount(value=12_480)) == "12,480"


@pytest.mark.django_db
def test_few_rows_are_counted_exactly(link: Link) -> None:
    for _ in range(3):
        make_activity(link)
    assert row_count(Activity.objects.all()) == RowCount(value=3)


@pytest.mark.django_db
def test_many_rows_are_estimated(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "LIMIT", 2)
    for _ in range(3):
        make_activity(link)
    found = row_count(Activity.objects.all())
    assert not found.is_exact
    assert found.value >= 2
