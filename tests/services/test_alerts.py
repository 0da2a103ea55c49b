from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from syncengine.models import Activity, AlertRule, EntityMap, Notification
from syncengine.services.alerts import AlertDraft, delete_rule, evaluate, save_rule
from syncengine.services.errors import Refused
from syncengine.services.maps import Backlog, resume_maps
from syncengine.states import MapState
from tests.rows import make_change, make_error, make_link, make_map, make_rule, make_user

pytestmark = pytest.mark.django_db


def make_burst(map_: EntityMap, count: int, *, at: datetime | None = None, **overrides: Any) -> None:
    for _ in range(count):
        make_error(map_, last_at=at or timezone.now(), **overrides)


def make_draft(**overrides: Any) -> AlertDraft:
    values: dict[str, Any] = {
        "name": "Many errors",
        "maps": [],
        "error_class": "",
        "count": 3,
        "window_minutes": 15,
        "action": "pause",
        "subscribers": ["ann@example.com"],
        "is_enabled": True,
    }
    return AlertDraft(**values | overrides)


# --- Firing ------------------------------------------------------------------------------------------------------


def test_a_burst_fires_once_and_a_second_burst_in_the_window_does_not() -> None:
    map_ = make_map()
    make_rule(map_.link)
    make_burst(map_, 3)
    assert evaluate(timezone.now()) == 1
    make_burst(map_, 30)
    assert evaluate(timezone.now()) == 0
    assert Notification.objects.get().errors_counted == 3


def test_changes_that_a_person_left_behind_as_errors_are_no_burst() -> None:
    map_ = make_map(state=MapState.PAUSED)
    make_rule(map_.link)
    for number in range(3):
        make_change(map_, str(number), state="ready")
    resume_maps(None, maps=[map_], backlog=Backlog.KEEP_AS_ERRORS)
    assert evaluate(timezone.now()) == 0
    map_.sync_errors.update(attempts=1)
    assert evaluate(timezone.now()) == 1


def test_after_the_window_only_new_errors_count() -> None:
    map_ = make_map()
    make_rule(map_.link)
    now = timezone.now()
    make_burst(map_, 3, at=now - timedelta(minutes=1))
    assert evaluate(now) == 1
    later = now + timedelta(minutes=16)
    assert evaluate(later) == 0
    make_burst(map_, 3, at=later)
    assert evaluate(later) == 1


def test_fewer_errors_than_the_rule_says_do_nothing() -> None:
    map_ = make_map()
    make_rule(map_.link)
    make_burst(map_, 2)
    assert evaluate(timezone.now()) == 0


def test_errors_filed_before_the_window_do_not_count_until_they_repeat() -> None:
    map_ = make_map()
    make_rule(map_.link)
    now = timezone.now()
    make_burst(map_, 3, at=now - timedelta(minutes=20))
    assert evaluate(now) == 0
    map_.sync_errors.update(last_at=now)
    assert evaluate(now) == 1


def test_a_rule_of_a_class_counts_that_class_alone() -> None:
    map_ = make_map()
    make_rule(map_.link, error_class="permission")
    make_burst(map_, 5, error_class="data")
    make_burst(map_, 2, error_class="permission")
    assert evaluate(timezone.now()) == 0
    make_burst(map_, 1, error_class="permission")
    assert evaluate(timezone.now()) == 1


def test_errors_of_several_maps_are_not_added_up() -> None:
    link = make_link()
    first, second = make_map(link), make_map(link)
    make_rule(link)
    make_burst(first, 2)
    make_burst(second, 2)
    assert evaluate(timezone.now()) == 0


def test_a_rule_of_chosen_maps_leaves_the_others_alone() -> None:
    link = make_link()
    watched, other = make_map(link), make_map(link)
    make_rule(link).maps.add(watched)
    make_burst(watched, 3)
    make_burst(other, 3)
    assert evaluate(timezone.now()) == 1
    assert Notification.objects.get().map == watched


def test_a_rule_does_not_watch_another_link() -> None:
    make_rule(make_link())
    make_burst(make_map(), 3)
    assert evaluate(timezone.now()) == 0


def test_a_disabled_rule_does_not_fire() -> None:
    map_ = make_map()
    make_rule(map_.link, is_enabled=False)
    make_burst(map_, 3)
    assert evaluate(timezone.now()) == 0


def test_pause_pauses_the_map_and_says_so() -> None:
    map_ = make_map(state=MapState.RUNNING)
    make_rule(map_.link, action="pause")
    make_burst(map_, 3)
    evaluate(timezone.now())
    map_.refresh_from_db()
    notification = Notification.objects.get()
    assert (map_.state, notification.action_taken) == (MapState.PAUSED, "pause")
    assert "The map was paused." in notification.body
    assert "paused" in Activity.objects.filter(map=map_, kind="alert").get().text


def test_stop_stops_a_paused_map_too() -> None:
    map_ = make_map(state=MapState.PAUSED)
    make_rule(map_.link, action="stop")
    make_burst(map_, 3)
    evaluate(timezone.now())
    map_.refresh_from_db()
    assert map_.state == MapState.NOT_RUNNING


def test_a_map_that_cannot_be_paused_is_left_as_it_is_and_the_mail_says_so() -> None:
    map_ = make_map(state=MapState.INITIALIZING)
    make_rule(map_.link, action="pause")
    make_burst(map_, 3)
    evaluate(timezone.now())
    map_.refresh_from_db()
    notification = Notification.objects.get()
    assert (map_.state, notification.action_taken) == (MapState.INITIALIZING, "none")
    assert "left as it is: initializing" in notification.body


def test_two_rules_on_one_map_pause_it_once_and_send_two_mails() -> None:
    map_ = make_map(state=MapState.RUNNING)
    make_rule(map_.link, action="pause")
    make_rule(map_.link, action="pause")
    make_burst(map_, 3)
    assert evaluate(timezone.now()) == 2
    assert sorted(Notification.objects.values_list("action_taken", flat=True)) == ["none", "pause"]


def test_the_mail_says_which_map_how_many_since_when_and_where_to_look() -> None:
    map_ = make_map()
    make_rule(map_.link, error_class="data")
    since = timezone.now() - timedelta(minutes=5)
    make_burst(map_, 3, at=since)
    evaluate(timezone.now())
    notification = Notification.objects.get()
    assert notification.subject == f"Twofold: 3 errors on {map_.name}"
    for part in (
        map_.name,
        map_.link.name,
        "class “data”",
        f"since {since:%Y-%m-%d %H:%M} UTC",
        f"/errors/?map={map_.pk}",
    ):
        assert part in notification.body
    assert notification.recipients == ["ann@example.com"]


# --- Rules -------------------------------------------------------------------------------------------------------


def test_a_saved_rule_is_as_drafted() -> None:
    link = make_link()
    watched = make_map(link)
    rule = save_rule(
        None, link=link, draft=make_draft(maps=[watched], subscribers=[" ann@example.com", "ann@example.com"])
    )
    assert (rule.count, rule.window_minutes, rule.action) == (3, 15, "pause")
    assert rule.subscribers == ["ann@example.com"]
    assert list(rule.maps.all()) == [watched]
    assert Activity.objects.filter(link=link, kind="alert").count() == 1


def test_saving_again_changes_the_same_rule() -> None:
    link = make_link()
    rule = save_rule(None, link=link, draft=make_draft(maps=[make_map(link)]))
    save_rule(None, link=link, draft=make_draft(name="Fewer", count=1), rule=rule)
    assert (AlertRule.objects.get().name, AlertRule.objects.get().count) == ("Fewer", 1)
    assert not rule.maps.exists()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"name": "  "}, "name"),
        ({"count": 0}, "at least one error"),
        ({"window_minutes": 0}, "window"),
        ({"error_class": "weather"}, "class"),
        ({"action": "dance"}, "action"),
        ({"subscribers": []}, "e-mail address"),
        ({"subscribers": ["ann"]}, "ann is not an e-mail address"),
    ],
)
def test_a_draft_with_a_fault_is_refused_and_nothing_is_saved(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        save_rule(None, link=make_link(), draft=make_draft(**overrides))
    assert not AlertRule.objects.exists()


def test_a_rule_cannot_watch_a_map_of_another_link() -> None:
    with pytest.raises(Refused, match="this link"):
        save_rule(None, link=make_link(), draft=make_draft(maps=[make_map()]))


def test_two_rules_of_a_link_cannot_have_one_name() -> None:
    link = make_link()
    save_rule(None, link=link, draft=make_draft())
    with pytest.raises(Refused, match="already an alert called Many errors"):
        save_rule(None, link=link, draft=make_draft())


def test_who_may_only_operate_cannot_change_rules() -> None:
    link, user = make_link(), make_user("operate_link")
    rule = make_rule(link)
    with pytest.raises(PermissionDenied):
        save_rule(user, link=link, draft=make_draft())
    with pytest.raises(PermissionDenied):
        delete_rule(user, rule=rule)


def test_a_deleted_rule_is_gone_and_told() -> None:
    rule = make_rule(make_link())
    delete_rule(make_user("change_link"), rule=rule)
    assert not AlertRule.objects.exists()
    assert "deleted" in Activity.objects.get(kind="alert").text
