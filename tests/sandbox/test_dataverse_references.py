"""Look-ups set by themselves, and keys made of them. Source: Dataverse Web API documentation."""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.sandbox.client import END, Client, change_set
from tests.sandbox.conftest import Management
from tests.sandbox.rows import error_of, make_account, make_company, number

ROOT = "/api/data/v9.2"


@pytest.fixture
def contact(dataverse: Client) -> str:
    return dataverse.make("contacts", {"lastname": "Lee"})


@pytest.fixture
def account(dataverse: Client) -> str:
    return make_account(dataverse)


@pytest.fixture(scope="module")
def keyed(dataverse: Client, management: Management) -> str:
    """A table whose keys are a look-up alone, two texts, and a look-up with a number."""
    columns: list[dict[str, Any]] = [
        {"name": "new_name", "type": "text"},
        {"name": "new_code", "type": "text"},
        {"name": "new_line", "type": "integer"},
        {"name": "new_contact", "type": "lookup", "target": "contacts", "navigation": "new_Contact"},
    ]
    keys = [
        {"name": "by_contact", "columns": ["new_contact"]},
        {"name": "by_texts", "columns": ["new_name", "new_code"]},
        {"name": "by_line", "columns": ["new_contact", "new_line"]},
    ]
    names = {"set": "new_keyeds", "logical": "new_keyed", "label": "Keyed", "primary_id": "new_keyedid"}
    table = {**names, "primary_name": "new_name", "columns": columns, "keys": keys}
    management.done("POST", f"sandboxes/{dataverse.info['name']}/tables", {"tables": [table]})
    return "new_keyeds"


def pointed(dataverse: Client, account: str) -> Any:
    return dataverse.get(f"accounts({account})?$select=_primarycontactid_value").json()["_primarycontactid_value"]


@pytest.mark.parametrize(
    "form", ["{api}/contacts({id})", "contacts({id})", "/contacts({id})", "/api/data/v9.2/contacts({id})"]
)
def test_a_look_up_is_put_by_its_reference(dataverse: Client, account: str, contact: str, form: str) -> None:
    address = form.format(api=dataverse.info["api_url"], id=contact)
    answer = dataverse.call("PUT", f"accounts({account})/primarycontactid/$ref", {"@odata.id": address})
    assert (answer.status_code, answer.content) == (204, b"")
    assert pointed(dataverse, account) == contact


def test_a_look_up_is_cleared_by_deleting_its_reference(dataverse: Client, account: str, contact: str) -> None:
    path = f"accounts({account})/primarycontactid/$ref"
    dataverse.call("PUT", path, {"@odata.id": f"contacts({contact})"})
    assert dataverse.delete(path).status_code == 204
    assert pointed(dataverse, account) is None
    assert dataverse.delete(path).status_code == 204


def test_a_null_bind_clears_a_look_up(dataverse: Client, account: str, contact: str) -> None:
    dataverse.patch(f"accounts({account})", {"primarycontactid@odata.bind": f"/contacts({contact})"})
    assert dataverse.patch(f"accounts({account})", {"primarycontactid@odata.bind": None}).status_code == 204
    assert pointed(dataverse, account) is None


def test_a_row_joins_and_leaves_the_collection_of_the_row_that_it_points_to(
    dataverse: Client, account: str, contact: str
) -> None:
    path = f"contacts({contact})/account_primarycontactid"
    assert dataverse.post(f"{path}/$ref", {"@odata.id": f"accounts({account})"}).status_code == 204
    assert pointed(dataverse, account) == contact
    assert dataverse.delete(f"{path}({account})/$ref").status_code == 204
    assert pointed(dataverse, account) is None
    assert error_of(dataverse.delete(f"{path}({account})/$ref")) == (404, "0x80040217")
    dataverse.post(f"{path}/$ref", {"@odata.id": f"accounts({account})"})
    address = quote(f"{dataverse.info['api_url']}/accounts({account})")
    assert dataverse.delete(f"{path}/$ref?$id={address}").status_code == 204
    assert pointed(dataverse, account) is None


def test_a_reference_may_name_a_row_made_before_in_the_change_set(dataverse: Client, account: str) -> None:
    answer = dataverse.batch(
        change_set(
            ("POST", f"{ROOT}/contacts", '{"lastname": "A"}'),
            ("PUT", f"{ROOT}/accounts({account})/primarycontactid/$ref", '{"@odata.id": "$1"}'),
            ("PUT", "$1/jobtitle", '{"value": "Buyer"}'),
        )
        + END
    )
    assert answer.statuses == [204, 204, 204]
    assert dataverse.get(f"contacts({pointed(dataverse, account)})").json()["jobtitle"] == "Buyer"


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        ("PUT", "primarycontactid/$ref", {}, (400, "0x80048d19")),
        ("PUT", "primarycontactid/$ref", {"@odata.id": 5}, (400, "0x80048d19")),
        ("PUT", "primarycontactid/$ref", {"@odata.id": "accounts(x)"}, (400, "0x80048d19")),
        ("PUT", "primarycontactid/$ref", {"@odata.id": "contacts"}, (400, "0x80048d19")),
        ("PUT", "primarycontactid/$ref", {"@odata.id": f"contacts({uuid4()})"}, (404, "0x80060891")),
        ("PUT", "primarycontactid/$ref", {"@odata.id": "$1"}, (400, "0x80060888")),
        ("PUT", "nothing/$ref", {"@odata.id": f"contacts({uuid4()})"}, (404, "0x8006088a")),
        ("PUT", "name/$ref", {"@odata.id": f"contacts({uuid4()})"}, (404, "0x8006088a")),
        ("POST", "primarycontactid/$ref", {"@odata.id": f"contacts({uuid4()})"}, (405, "0x8006088a")),
        ("POST", "account_msdyn_billingaccount/$ref", {"@odata.id": "x"}, (400, "0x80048d19")),
        ("DELETE", "account_msdyn_billingaccount/$ref", None, (400, "0x80048d19")),
    ],
)
def test_a_reference_that_is_none_is_refused(
    dataverse: Client, account: str, method: str, path: str, body: Any, refusal: tuple[int, str]
) -> None:
    assert error_of(dataverse.call(method, f"accounts({account})/{path}", body)) == refusal


def test_a_reference_of_a_row_that_is_not_there_is_refused(dataverse: Client, contact: str) -> None:
    missing = uuid4()
    body = {"@odata.id": f"contacts({contact})"}
    assert error_of(dataverse.call("PUT", f"accounts({missing})/primarycontactid/$ref", body)) == (404, "0x80040217")
    assert error_of(dataverse.delete(f"accounts({missing})/primarycontactid/$ref")) == (404, "0x80040217")


# --- keys


def test_a_key_may_be_a_look_up_alone(dataverse: Client, keyed: str, contact: str) -> None:
    path = f"{keyed}(_new_contact_value={contact})"
    first = dataverse.patch(path, {"new_name": "A"}, Prefer="return=representation")
    second = dataverse.patch(path, {"new_name": "B"}, Prefer="return=representation")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["_new_contact_value"] == contact
    assert dataverse.get(path).json()["new_name"] == "B"
    assert dataverse.delete(path).status_code == 204
    assert error_of(dataverse.get(path)) == (404, "0x80060891")


def test_a_key_may_have_several_columns_in_any_order(dataverse: Client, keyed: str, contact: str) -> None:
    one, two = number(), number()
    made = dataverse.make(
        keyed, {"new_name": one, "new_code": two, "new_line": 7, "new_Contact@odata.bind": f"/contacts({contact})"}
    )
    for key in (
        f"new_name='{one}',new_code='{two}'",
        f"new_code='{two}',new_name='{one}'",
        f"new_line=7,_new_contact_value={contact}",
    ):
        assert dataverse.get(f"{keyed}({key})?$select=new_name").json()["new_keyedid"] == made


def test_a_bind_may_name_its_row_by_a_key_with_several_columns(dataverse: Client, account: str) -> None:
    company, own = make_company(dataverse), number()
    parent = make_account(dataverse, accountnumber=own, **{"msdyn_company@odata.bind": f"/cdm_companies({company})"})
    address = f"/accounts(accountnumber='{own}',_msdyn_company_value={company})"
    assert dataverse.patch(f"accounts({account})", {"msdyn_billingaccount@odata.bind": address}).status_code == 204
    row = dataverse.get(f"accounts({account})?$select=_msdyn_billingaccount_value").json()
    assert row["_msdyn_billingaccount_value"] == parent


@pytest.mark.parametrize(
    "key",
    [
        "new_contact={id}",
        "new_Contact={id}",
        "_new_contact_value='{id}'",
        "_new_contact_value=5",
        "new_name='a'",
        "new_name='a',new_code='b',new_line=7",
        "new_name='a',new_name='a'",
        "new_line=7",
        "nothing='a'",
    ],
)
def test_the_bare_column_and_the_navigation_property_are_no_key(
    dataverse: Client, keyed: str, contact: str, key: str
) -> None:
    answer = dataverse.get(f"{keyed}({key.format(id=contact)})")
    assert error_of(answer) == (400, "0x80060888")
    assert "The key in the request URI is not valid for resource" in answer.text


def test_one_property_is_read_by_itself(dataverse: Client) -> None:
    made = make_account(dataverse, name="A", creditlimit=2.5)
    assert dataverse.get(f"accounts({made})/name").json()["value"] == "A"
    assert dataverse.get(f"accounts({made})/creditlimit").json()["value"] == 2.5
    assert dataverse.get(f"accounts({made})/description").status_code == 204
    assert error_of(dataverse.get(f"accounts({uuid4()})/name")) == (404, "0x80040217")


def test_the_row_that_a_look_up_leads_to_is_read_through_it(dataverse: Client, account: str, contact: str) -> None:
    path = f"accounts({account})/primarycontactid"
    assert dataverse.get(path).status_code == 204
    dataverse.call("PUT", f"{path}/$ref", {"@odata.id": f"contacts({contact})"})
    row = dataverse.get(f"{path}?$select=lastname").json()
    assert (row["contactid"], row["lastname"]) == (contact, "Lee")
    assert row["@odata.context"].endswith("$metadata#contacts(lastname)/$entity")


def test_a_collection_is_read_filtered_and_paged(dataverse: Client, contact: str) -> None:
    bound = {"primarycontactid@odata.bind": f"/contacts({contact})"}
    made = {make_account(dataverse, name=f"in {place}", **bound) for place in range(3)}
    make_account(dataverse, name="in another")
    path = f"contacts({contact})/account_primarycontactid?$select=name"
    assert {row["accountid"] for row in dataverse.rows(path)} == made
    assert [row["name"] for row in dataverse.rows(f"{path}&$filter=name gt 'in 1'")] == ["in 2"]
    found, link = set(), path
    while link:
        answer = dataverse.get(link, Prefer="odata.maxpagesize=2").json()
        found |= {row["accountid"] for row in answer["value"]}
        link = answer.get("@odata.nextLink", "")
    assert found == made


@pytest.mark.parametrize("name", ["nothing", "account_nothing", "primarycontactid/lastname"])
def test_what_leads_nowhere_is_told(dataverse: Client, account: str, name: str) -> None:
    assert error_of(dataverse.get(f"accounts({account})/{name}")) == (404, "0x8006088a")
    assert error_of(dataverse.get(f"accounts({uuid4()})/primarycontactid")) == (404, "0x80040217")
