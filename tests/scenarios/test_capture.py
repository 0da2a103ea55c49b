"""Changes arrive however they are told: every third notification is lost, or nothing is pushed at all."""

import pytest

from tests.scenarios.people import KINDS, Kind, People
from tests.scenarios.story import Story, begin

pytestmark = pytest.mark.story
SOON = {"TWOFOLD_LISTING_S": "3", "TWOFOLD_LISTING_WITH_PUSH_S": "3", "TWOFOLD_POLL_WITH_PUSH_S": "2"}


def change_both_sides(people: People, kind: Kind) -> None:
    """9 changed, 9 made and 9 deleted on each side."""
    pairs = people.pairs(kind, count=36)
    people.change_left(pairs[:9], [{"SALESMEMO": f"told or not {number}"} for number in range(9)])
    people.change_right(pairs[9:18], [{"description": f"told or not {number}"} for number in range(9)])
    for number in range(9):
        people.make_left(kind, f"L-{kind.party[0]}-{number}", "Made on finance")
        people.make_right(kind, f"R-{kind.party[0]}-{number}", "Made on sales")
    people.delete_left(pairs[18:27])
    people.delete_right(pairs[27:])


def tell(story: Story) -> None:
    """Everything changes, and both sides become equal."""
    people = People(story=story, company="usmf")
    for kind in KINDS:
        change_both_sides(people, kind)
    story.wait_until_equal()
    assert not story.records.open_errors()


def test_all_changes_arrive_though_every_third_notification_is_lost() -> None:
    with begin(demo="contoso", environ=SOON) as story:
        story.link()
        story.run_all()
        story.wait_until_equal()
        assert story.registrations() == (1, 1)
        for sandbox in (story.finance, story.sales):
            sandbox.disturb(drop_every=3)
        tell(story)


def test_all_changes_arrive_with_push_off() -> None:
    with begin(demo="contoso", environ={**SOON, "TWOFOLD_PUSH": "0"}) as story:
        story.link()
        story.run_all()
        story.wait_until_equal()
        assert story.registrations() == (0, 0)
        tell(story)
