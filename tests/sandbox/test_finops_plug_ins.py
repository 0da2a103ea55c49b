"""Code of the environment that changes rows when they are written. Source: PROTOCOLS 6.3 (12)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.packages import imported, package
from tests.sandbox.receiver import Receiver
from tests.sandbox.rows import make_group, number

SUFFIX = {"table": "CustomerGroups", "column": "DESCRIPTION", "suffix": " (checked)"}


@pytest.fixture
def plug_in(finops: Client, management: Management) -> Iterator[Any]:
    yield lambda *plug_ins: management.faults(finops.info, plug_ins=list(plug_ins))
    management.faults(finops.info)


def path(group: str) -> str:
    return f"CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{group}')?cross-company=true"


def test_before_the_write_the_value_is_part_of_it(finops: Client, plug_in: Any, told: Receiver) -> None:
    plug_in(SUFFIX)
    body = {"dataAreaId": "usmf", "CUSTOMERGROUPID": number(), "DESCRIPTION": "A"}
    made = finops.post("CustomerGroups", body).json()
    assert made["DESCRIPTION"] == "A (checked)"
    assert finops.get(path(body["CUSTOMERGROUPID"])).json()["@odata.etag"] == made["@odata.etag"]
    assert finops.patch(path(body["CUSTOMERGROUPID"]), {"DESCRIPTION": "B"}).status_code == 204
    assert finops.get(path(body["CUSTOMERGROUPID"])).json()["DESCRIPTION"] == "B (checked)"
    make_group(finops, "demf")
    assert [one["Operation"] for one in told.wait(4)[1:]] == ["Created", "Updated", "Created"]


def test_after_the_write_it_is_a_second_one(finops: Client, plug_in: Any, told: Receiver) -> None:
    plug_in({**SUFFIX, "is_after": True})
    body = {"dataAreaId": "usmf", "CUSTOMERGROUPID": number(), "DESCRIPTION": "A"}
    made = finops.post("CustomerGroups", body).json()
    assert made["DESCRIPTION"] == "A"
    row = finops.get(path(body["CUSTOMERGROUPID"])).json()
    assert row["DESCRIPTION"] == "A (checked)"
    assert row["@odata.etag"] != made["@odata.etag"]
    messages = sorted(told.wait(3)[1:], key=lambda one: one["ControlNumber"])
    assert [one["Operation"] for one in messages] == ["Created", "Updated"]
    assert [one["RecordETag"] for one in messages] == [made["@odata.etag"], row["@odata.etag"]]


@pytest.mark.parametrize("is_after", [False, True])
def test_it_does_not_loop(finops: Client, plug_in: Any, is_after: bool) -> None:
    plug_in({**SUFFIX, "is_after": is_after})
    group = make_group(finops, DESCRIPTION="A")
    finops.patch(path(group), {"DESCRIPTION": "A (checked)"})
    etag = finops.get(path(group)).json()["@odata.etag"]
    assert finops.get(path(group)).json()["DESCRIPTION"] == "A (checked)"
    assert finops.get(path(group)).json()["@odata.etag"] == etag


def test_a_fixed_value_is_set_whatever_is_written(finops: Client, plug_in: Any) -> None:
    plug_in(
        {"table": "CustomerGroups", "column": "ISSALESTAXINCLUDEDINPRICE", "value": "Yes", "operations": ["update"]}
    )
    group = make_group(finops)
    assert finops.get(path(group)).json()["ISSALESTAXINCLUDEDINPRICE"] == "No"
    finops.patch(path(group), {"DESCRIPTION": "B"})
    assert finops.get(path(group)).json()["ISSALESTAXINCLUDEDINPRICE"] == "Yes"


def test_imports_are_changed_too(finops: Client, plug_in: Any) -> None:
    plug_in(SUFFIX)
    group, name = number(), number()
    text = f"CUSTOMERGROUPID,DESCRIPTION\r\n{group},A\r\n"
    assert imported(finops, package(name, "Customer groups", text), name)[1] == "Succeeded"
    assert finops.get(path(group)).json()["DESCRIPTION"] == "A (checked)"


def test_silent_inserts_tell_nobody_and_run_no_plug_in(
    finops: Client, plug_in: Any, told: Receiver, management: Management
) -> None:
    plug_in(SUFFIX)
    group = number()
    rows = f"sandboxes/{finops.info['name']}/tables/CustomerGroups/rows"
    management.done("POST", rows, [{"dataAreaId": "usmf", "CUSTOMERGROUPID": group, "DESCRIPTION": "A"}])
    assert finops.get(path(group)).json()["DESCRIPTION"] == "A"
    last = make_group(finops)
    assert told.wait(2)[1]["KeyValues"]["CUSTOMERGROUPID"] == last
    assert len(told.messages) == 2


def test_a_value_that_does_not_fit_refuses_the_write(finops: Client, plug_in: Any) -> None:
    plug_in({"table": "CustomerGroups", "column": "ISSALESTAXINCLUDEDINPRICE", "value": "Perhaps"})
    answer = finops.post("CustomerGroups", {"dataAreaId": "usmf", "CUSTOMERGROUPID": number()})
    assert answer.status_code == 400
