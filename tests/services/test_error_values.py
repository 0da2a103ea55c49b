import polars as pl
import pytest

from syncengine.errors import UnreachableError
from syncengine.mapping.definition import Direction, FieldMapping, KeyPart, MapDefinition
from syncengine.models import EntityMap, Environment
from syncengine.repository import bindings
from syncengine.services.database import raw
from syncengine.services.sync_errors import ErrorCell, detail
from tests.doubles import GROUPS_MAP, Live, Service
from tests.rows import make_definition, make_error, make_link, make_map

pytestmark = pytest.mark.django_db
DEFINITION = make_definition(
    key=(KeyPart(left="COLORID", right="msdyn_colorid"),),
    fields=(
        FieldMapping(left="COLORID", right="msdyn_colorid", direction=Direction.BOTH),
        FieldMapping(left="COLORNAME", right="msdyn_name", direction=Direction.BOTH),
        FieldMapping(left="COLORNAME", right="msdyn_productcolorname", direction=Direction.TO_RIGHT),
    ),
)


def make_case(live: Live, definition: MapDefinition = DEFINITION) -> tuple[EntityMap, Service, Service]:
    (left, finops), (right, dataverse) = live("finops"), live("dataverse")
    return make_map(make_link(left=left, right=right), definition=definition), finops, dataverse


def make_bound(map_: EntityMap, left_id: str, right_id: str) -> None:
    pair = {"left_id": left_id, "right_id": right_id, "key": left_id}
    rest = ("left_version", "right_version", "left_base", "right_base")
    frame = pl.DataFrame([pair]).with_columns(
        binding_id=pl.lit(None, dtype=pl.Int64), **{name: pl.lit(None, dtype=pl.String) for name in rest}
    )
    bindings.save(raw(), map_.pk, frame)


def test_both_rows_are_shown_with_what_differs(live: Live) -> None:
    map_, finops, dataverse = make_case(live)
    left_id = finops.put("ProductColors", COLORID="r", COLORNAME="Red")
    right_id = dataverse.put("msdyn_productcolors", msdyn_colorid="r", msdyn_name="Rouge", msdyn_productcolorname="Red")
    found = detail(make_error(map_, left_id=left_id, right_id=right_id))
    assert (found.left_problem, found.right_problem) == ("", "")
    assert found.cells == [
        ErrorCell(left_column="COLORID", right_column="msdyn_colorid", left_value="r", right_value="r", differs=False),
        ErrorCell(
            left_column="COLORNAME", right_column="msdyn_name", left_value="Red", right_value="Rouge", differs=True
        ),
        ErrorCell(
            left_column="COLORNAME",
            right_column="msdyn_productcolorname",
            left_value="Red",
            right_value="Red",
            differs=False,
        ),
    ]


def test_the_partner_is_found_by_the_binding(live: Live) -> None:
    map_, finops, dataverse = make_case(live)
    left_id = finops.put("ProductColors", COLORID="r", COLORNAME="Red")
    right_id = dataverse.put("msdyn_productcolors", msdyn_colorid="r", msdyn_name="Red")
    make_bound(map_, left_id, right_id)
    found = detail(make_error(map_, left_id=left_id))
    assert found.right_problem == ""
    assert found.cells[1].right_value == "Red"


def test_a_record_without_a_partner_says_so(live: Live) -> None:
    map_, finops, _ = make_case(live)
    left_id = finops.put("ProductColors", COLORID="r", COLORNAME="Red")
    found = detail(make_error(map_, left_id=left_id))
    assert found.right_problem == f"The record has no row in {map_.link.right.name}."
    assert [cell.left_value for cell in found.cells] == ["r", "Red", "Red"]
    assert not any(cell.differs for cell in found.cells)


def test_a_row_that_is_gone_says_so(live: Live) -> None:
    map_, _, _ = make_case(live)
    found = detail(make_error(map_, left_id="gone"))
    assert found.left_problem == f"The row is not in {map_.link.left.name} any more."


def test_a_side_that_cannot_be_read_leaves_the_other_to_be_seen(live: Live) -> None:
    map_, finops, dataverse = make_case(live)
    left_id = finops.put("ProductColors", COLORID="r", COLORNAME="Red")
    right_id = dataverse.put("msdyn_productcolors", msdyn_colorid="r", msdyn_name="Red")
    dataverse.fail("fetch", UnreachableError("No answer."))
    found = detail(make_error(map_, left_id=left_id, right_id=right_id))
    assert (found.left_problem, found.right_problem) == ("", "No answer.")
    assert found.cells[1].left_value == "Red"


def test_no_value_is_shown_as_none(live: Live) -> None:
    map_, finops, _ = make_case(live)
    left_id = finops.put("ProductColors", COLORID="r", COLORNAME="")
    assert detail(make_error(map_, left_id=left_id)).cells[1].left_value is None


def test_a_default_that_is_never_read_is_left_out(live: Live) -> None:
    default = FieldMapping(left=None, right="msdyn_productcolorname", direction=Direction.TO_RIGHT, default="Red")
    definition = make_definition(key=DEFINITION.key, fields=(*DEFINITION.fields[:2], default))
    map_, finops, dataverse = make_case(live, definition)
    left_id = finops.put("ProductColors", COLORID="r", COLORNAME="Red")
    right_id = dataverse.put("msdyn_productcolors", msdyn_colorid="r", msdyn_name="Red", msdyn_productcolorname="Red")
    found = detail(make_error(map_, left_id=left_id, right_id=right_id))
    assert [cell.right_column for cell in found.cells] == ["msdyn_colorid", "msdyn_name"]


def test_a_map_that_does_not_fit_any_more_says_why_on_both_sides(live: Live) -> None:
    map_, _, _ = make_case(live)
    Environment.objects.filter(pk=map_.link.left_id).update(catalog_read_at=None)
    found = detail(make_error(EntityMap.objects.get(pk=map_.pk)))
    assert found.cells == []
    assert "has no table ProductColors" in found.left_problem


def test_a_look_up_is_shown_by_the_text_behind_it(live: Live) -> None:
    map_, finops, dataverse = make_case(live, GROUPS_MAP)
    company = dataverse.put("cdm_companies", cdm_companycode="USMF")
    left_id = finops.put("CustomerGroups", dataAreaId="usmf", CUSTOMERGROUPID="10", DESCRIPTION="Wholesale")
    right_id = dataverse.put("msdyn_customergroups", msdyn_groupid="10", msdyn_company=company)
    found = detail(make_error(map_, left_id=left_id, right_id=right_id))
    cells = {cell.right_column: cell for cell in found.cells}
    assert cells["msdyn_company.cdm_companycode"].right_value == "USMF"
    assert cells["msdyn_description"].differs
