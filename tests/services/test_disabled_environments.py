"""An environment that a person took out of use: nobody speaks to it, and nothing is lost."""

from typing import Any

import pytest
from django.utils import timezone

from syncengine.models import CaptureCursor, Change, EntityMap
from syncengine.services import capture, environment_admin, live
from syncengine.services.capture import Rhythm
from tests.doubles import GROUPS_MAP, Live, Service
from tests.rows import make_change, make_link, make_map, make_user

pytestmark = pytest.mark.django_db
RIGHTS = ("operate_link", "change_link")


@pytest.fixture
def pair(live: Live) -> dict[str, Any]:
    (left, finops), (right, dataverse) = live("finops"), live("dataverse")
    dataverse.put("cdm_companies", cdm_companycode="usmf", cdm_name="usmf")
    return {"left": left, "right": right, "finops": finops, "dataverse": dataverse}


@pytest.fixture
def groups(pair: dict[str, Any]) -> EntityMap:
    """A running map with one change that waits: a customer group made on the left."""
    map_ = make_map(make_link(left=pair["left"], right=pair["right"]), definition=GROUPS_MAP, master="left")
    row_id = pair["finops"].put("CustomerGroups", dataAreaId="usmf", CUSTOMERGROUPID="10", DESCRIPTION="Ten")
    make_change(map_, row_id, state="ready")
    return map_


def groups_of(service: Service) -> list[str]:
    return service.ids("msdyn_customergroups")


@pytest.mark.parametrize("side", ["left", "right"])
def test_changes_wait_until_it_is_enabled(pair: dict[str, Any], groups: EntityMap, side: str) -> None:
    somebody = make_user(*RIGHTS)
    environment_admin.disable(somebody, pair[side])
    live.work_lane(groups.lane_id)
    assert groups_of(pair["dataverse"]) == []
    assert Change.objects.count() == 1
    pair[side].refresh_from_db()
    assert "is disabled" in pair[side].problem

    environment_admin.enable(somebody, pair[side])
    live.work_lane(groups.lane_id)
    assert len(groups_of(pair["dataverse"])) == 1
    assert Change.objects.count() == 0


def test_it_is_not_polled(pair: dict[str, Any], groups: EntityMap) -> None:
    somebody = make_user(*RIGHTS)
    CaptureCursor.objects.create(environment=pair["right"], table="msdyn_customergroups")
    now = timezone.now()
    environment_admin.disable(somebody, pair["right"])
    capture.capture_all(now, Rhythm())
    assert CaptureCursor.objects.get().polled_at is None
    environment_admin.enable(somebody, pair["right"])
    capture.capture_all(now, Rhythm())
    assert CaptureCursor.objects.get().polled_at is not None
