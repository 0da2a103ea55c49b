import pytest
from django.core.exceptions import PermissionDenied

from syncengine.errors import UnreachableError
from syncengine.mapping.definition import MapDefinition
from syncengine.models import Activity, EntityMap
from syncengine.services.errors import Refused
from syncengine.services.filters import preview_filter, save_filters
from syncengine.states import MapState, Side
from tests.doubles import GROUPS_MAP, Live, Service
from tests.rows import make_definition, make_link, make_map, make_user

pytestmark = pytest.mark.django_db


def make_case(live: Live, definition: MapDefinition | None = None) -> tuple[EntityMap, Service, Service]:
    (left, finops), (right, dataverse) = live("finops"), live("dataverse")
    link = make_link(left=left, right=right, companies=("usmf",))
    map_ = make_map(link, definition=definition or make_definition(), state=MapState.NOT_RUNNING)
    return map_, finops, dataverse


# --- Preview -----------------------------------------------------------------------------------------------------


def test_a_preview_counts_what_passes_of_all_rows(live: Live) -> None:
    map_, finops, _ = make_case(live)
    for name in ("Red", "Rose", "Blue"):
        finops.put("ProductColors", COLORID=name, COLORNAME=name)
    preview = preview_filter(map_, side=Side.LEFT, text='(COLORNAME like "R*")')
    assert (preview.matching, preview.total, preview.problem, preview.position) == (2, 3, "", None)


def test_no_filter_lets_everything_through(live: Live) -> None:
    map_, finops, _ = make_case(live)
    finops.put("ProductColors", COLORID="1")
    preview = preview_filter(map_, side=Side.LEFT, text="  ")
    assert (preview.matching, preview.total) == (1, 1)


def test_only_rows_of_linked_companies_are_counted(live: Live) -> None:
    map_, finops, dataverse = make_case(live, GROUPS_MAP)
    company = {code: dataverse.put("cdm_companies", cdm_companycode=code) for code in ("USMF", "demf")}
    for code in ("usmf", "demf"):
        finops.put("CustomerGroups", dataAreaId=code, CUSTOMERGROUPID="10", DESCRIPTION="Wholesale")
        dataverse.put("msdyn_customergroups", msdyn_groupid="10", msdyn_company=company[code.replace("usmf", "USMF")])
    left = preview_filter(map_, side=Side.LEFT, text='(DESCRIPTION == "Wholesale")')
    right = preview_filter(map_, side=Side.RIGHT, text="msdyn_groupid eq '11'")
    assert (left.matching, left.total) == (1, 1)
    assert (right.matching, right.total) == (0, 1)


def test_a_company_that_the_right_side_does_not_have_yet_has_no_rows(live: Live) -> None:
    map_, _, _ = make_case(live, GROUPS_MAP)
    preview = preview_filter(map_, side=Side.RIGHT, text="")
    assert (preview.matching, preview.total, preview.problem) == (0, 0, "")


@pytest.mark.parametrize(
    ("side", "text", "position"),
    [
        (Side.LEFT, '(COLORNAME like "R*"', 20),
        (Side.LEFT, '(COLOR == "R")', 1),
        (Side.RIGHT, "msdyn_name eq 'R' und msdyn_name eq 'S'", 18),
        (Side.RIGHT, "statuscode eq 1", 0),
    ],
)
def test_a_filter_that_is_not_understood_says_where(live: Live, side: Side, text: str, position: int) -> None:
    map_, _, _ = make_case(live)
    preview = preview_filter(map_, side=side, text=text)
    assert (preview.matching, preview.total, preview.position) == (None, None, position)
    assert preview.problem


def test_an_environment_that_does_not_answer_is_the_problem(live: Live) -> None:
    map_, finops, _ = make_case(live)
    finops.fail("count", UnreachableError("No answer."))
    preview = preview_filter(map_, side=Side.LEFT, text="")
    assert (preview.problem, preview.position) == ("No answer.", None)


# --- Saving ------------------------------------------------------------------------------------------------------


def test_saved_filters_are_the_next_version_in_use(live: Live) -> None:
    map_, _, _ = make_case(live)
    ann = make_user("change_link")
    version = save_filters(ann, map=map_, left_filter='(COLORNAME == "Red")', right_filter=" msdyn_name eq 'Red' ")
    map_ = EntityMap.objects.get(pk=map_.pk)
    assert (version.number, version.publisher, version.created_by) == ("1.0.0.1", "Custom", ann)
    assert map_.version == version
    assert (map_.definition.left_filter, map_.definition.right_filter) == (
        '(COLORNAME == "Red")',
        "msdyn_name eq 'Red'",
    )
    assert "1.0.0.1" in Activity.objects.get(kind="map version").text


def test_each_save_is_a_version_of_its_own(live: Live) -> None:
    map_, _, _ = make_case(live)
    numbers = [save_filters(None, map=map_, left_filter="", right_filter="").number for _ in range(3)]
    assert numbers == ["1.0.0.1", "1.0.0.2", "1.0.0.3"]
    assert map_.versions.count() == 4


def test_everything_but_the_filters_stays(live: Live) -> None:
    map_, _, _ = make_case(live)
    before = map_.definition
    save_filters(None, map=map_, left_filter='(COLORNAME == "Red")', right_filter="")
    after = EntityMap.objects.get(pk=map_.pk).definition
    assert (after.fields, after.key, after.policies) == (before.fields, before.key, before.policies)


@pytest.mark.parametrize("state", [state for state in MapState if state is not MapState.NOT_RUNNING])
def test_filters_of_a_map_that_is_not_at_rest_stay(live: Live, state: MapState) -> None:
    map_, _, _ = make_case(live)
    EntityMap.objects.filter(pk=map_.pk).update(state=state)
    with pytest.raises(Refused, match=f"is {state}. Stop it first"):
        save_filters(None, map=map_, left_filter="", right_filter="")
    assert map_.versions.count() == 1


def test_a_filter_that_is_not_understood_is_not_saved_and_says_where(live: Live) -> None:
    map_, _, _ = make_case(live)
    with pytest.raises(Refused, match="The right filter, at character 1: "):
        save_filters(None, map=map_, left_filter="", right_filter="statuscode eq 1")
    assert map_.versions.count() == 1


def test_who_may_only_operate_cannot_save(live: Live) -> None:
    map_, _, _ = make_case(live)
    with pytest.raises(PermissionDenied):
        save_filters(make_user("operate_link"), map=map_, left_filter="", right_filter="")
