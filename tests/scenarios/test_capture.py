"""Changes arrive though nothing is pushed: by polling, and deletes by comparing."""

import pytest

from tests.scenarios.people import People
from tests.scenarios.story import SOON, begin

pytestmark = pytest.mark.story


def test_all_changes_arrive_with_push_off() -> None:
    with begin(demo="contoso", environ={**SOON, "TWOFOLD_PUSH": "0"}) as story:
        story.link()
        story.run_all()
        story.wait_until_equal()
        assert story.registrations() == (0, 0)
        People(story=story, company="usmf").change_both_sides()
        story.wait_until_equal()
        assert not story.records.open_errors()
