import json
from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from syncengine.connectors.base import WriteBatch
from syncengine.connectors.batch import Part
from syncengine.connectors.bodies import objects, quoted
from syncengine.connectors.dataverse import bodies
from syncengine.frames import RECORD, ROW_ID, dtype_of
from tests.unit.connectors.make import make_accounts

VALUES = {
    "name": 'a "b" \\ \n é',
    "creditlimit": Decimal("12345678901234567890.10"),
    "employees": 5,
    "opened": date(2026, 11, 21),
    "seen": datetime(2026, 11, 21, 3, 0, 0, 999_999, tzinfo=UTC),
    "closed": False,
    "kind": 1,
    "groupid": "bb000000-0000-0000-0000-000000000001",
}
SENT = {
    "name": 'a "b" \\ \n é',
    "creditlimit": Decimal("12345678901234567890.10"),
    "employees": 5,
    "opened": "2026-11-21",
    "seen": "2026-11-21T03:00:00Z",
    "closed": False,
    "kind": 1,
    "GroupId@odata.bind": "/groups(bb000000-0000-0000-0000-000000000001)",
}


def frame(*rows: dict[str, object], system: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    table = make_accounts()
    names = [column.name for column in table.columns if column.name != "accountid"]
    schema = {RECORD: pl.UInt32, ROW_ID: pl.String, **system, **{name: dtype_of(table.by_name[name]) for name in names}}
    return pl.DataFrame([{RECORD: place, **row} for place, row in enumerate(rows)], schema=schema)


def batch(*, creates: pl.DataFrame | None = None, updates: pl.DataFrame | None = None, **more: object) -> WriteBatch:
    empty = pl.DataFrame(schema={RECORD: pl.UInt32, ROW_ID: pl.String, "_version": pl.String})
    return WriteBatch(
        table=make_accounts(),
        creates=empty if creates is None else creates,
        updates=empty if updates is None else updates,
        deletes=empty,
        stored=("name",),
        **more,  # type: ignore[arg-type]
    )


def body_of(part: Part) -> dict[str, object]:
    return json.loads(part.body, parse_float=Decimal)


def test_create_sends_each_value_exactly_and_leaves_nulls_out() -> None:
    rows = frame({ROW_ID: "aa", **VALUES}, {"name": "b"}, system={})
    first, second = bodies.creates("http://x/", batch(creates=rows), rows)
    assert body_of(first.part) == SENT
    assert body_of(second.part) == {"name": "b"}


def test_create_with_own_id_must_not_exist_yet() -> None:
    rows = frame({ROW_ID: "aa", "name": "a"}, {"name": "b"}, system={})
    own, assigned = bodies.creates("http://x/", batch(creates=rows), rows)
    assert (own.part.method, own.part.headers["If-None-Match"]) == ("PATCH", "*")
    assert own.part.url.startswith("http://x/accounts(aa)?$select=name,")
    assert (assigned.part.method, "If-None-Match" in assigned.part.headers) == ("POST", False)


def test_update_sends_changed_columns_alone_and_clears_nulls() -> None:
    row = {ROW_ID: "aa", "_version": 'W/"1"', **VALUES, "name": None, "groupid": None}
    changed = {"_changed": ["name", "groupid", "kind"]}
    rows = frame(row | changed, system={"_version": pl.String, "_changed": pl.List(pl.String)})
    (call,) = bodies.updates("http://x/", batch(updates=rows))
    assert body_of(call.part) == {"name": None, "GroupId@odata.bind": None, "kind": 1}
    assert call.part.headers["If-Match"] == 'W/"1"'


def test_update_without_version_asks_only_that_the_row_exists() -> None:
    rows = frame(
        {ROW_ID: "aa", "_changed": ["name"], "name": "a"},
        system={"_version": pl.String, "_changed": pl.List(pl.String)},
    )
    assert bodies.updates("http://x/", batch(updates=rows))[0].part.headers["If-Match"] == "*"


def test_read_only_columns_are_never_sent() -> None:
    rows = frame({ROW_ID: "aa", "name": "a", "modifiedon": datetime(2026, 1, 1, tzinfo=UTC)}, system={})
    assert body_of(bodies.creates("", batch(creates=rows), rows)[0].part) == {"name": "a"}


def test_mark_goes_along_with_every_write() -> None:
    rows = frame({ROW_ID: "aa", "name": "a"}, system={})
    assert bodies.creates("", batch(creates=rows, mark="a&b"), rows)[0].part.url.endswith("&tag=a%26b")


def test_bulk_body_holds_type_and_own_id() -> None:
    rows = frame({ROW_ID: "aa", "name": "a"}, {"name": "b"}, system={})
    assert json.loads(bodies.bulk_creates(batch(creates=rows), rows)) == {
        "Targets": [
            {"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": "aa", "name": "a"},
            {"@odata.type": "Microsoft.Dynamics.CRM.account", "name": "b"},
        ]
    }


def test_row_without_members_is_an_empty_object() -> None:
    assert objects(pl.DataFrame({"a": [1, 2]}), []) == ["{}", "{}"]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_is_quoted_as_json_does(text: str) -> None:
    assert json.loads(pl.DataFrame({"a": [text]}).select(quoted(pl.col("a"))).item()) == text
