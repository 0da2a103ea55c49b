"""What is told beside the values when the client asks for it. Source: Dataverse Web API documentation."""

import pytest

from tests.sandbox.client import Client
from tests.sandbox.rows import make_account, make_company

FORMATTED = "OData.Community.Display.V1.FormattedValue"
EVERYTHING = 'odata.include-annotations="*"'


@pytest.fixture(scope="module")
def company(dataverse: Client) -> str:
    return make_company(dataverse)


@pytest.fixture(scope="module")
def account(dataverse: Client, company: str) -> str:
    return make_account(
        dataverse,
        creditlimit=1234.5,
        msdyn_onholdstatus=806380003,
        msdyn_onetimecustomer=True,
        numberofemployees=1500,
        address1_latitude=-5.25,
        **{"msdyn_company@odata.bind": f"/cdm_companies({company})"},
    )


def test_formatted_values_stand_beside_the_values(dataverse: Client, account: str) -> None:
    answer = dataverse.get(f"accounts({account})", Prefer=EVERYTHING)
    row = answer.json()
    told = {name.partition("@")[0]: value for name, value in row.items() if name.endswith(FORMATTED)}
    assert told["creditlimit"] == "$1,234.5000"
    assert told["msdyn_onholdstatus"] == "Payment"
    assert told["msdyn_onetimecustomer"] == "Yes"
    assert told["numberofemployees"] == "1,500"
    assert told["address1_latitude"] == "-5.25000"
    assert told["_msdyn_company_value"].startswith("c")
    assert told["statecode"] == "Active"
    assert told["createdon"][-2:] in {"AM", "PM"}
    assert "name" not in told
    assert "description" not in told
    assert row["creditlimit"] == 1234.5


def test_look_ups_tell_their_table_and_the_property_that_binds_them(dataverse: Client, account: str) -> None:
    row = dataverse.get(f"accounts({account})", Prefer=EVERYTHING).json()
    assert row["_msdyn_company_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "cdm_company"
    assert row["_msdyn_company_value@Microsoft.Dynamics.CRM.associatednavigationproperty"] == "msdyn_company"
    assert not [name for name in row if name.startswith("_msdyn_vendor_value@")]


def test_a_look_up_with_several_targets_tells_which_one_it_is(dataverse: Client, account: str) -> None:
    order = dataverse.make("salesorders", {"name": "O", "customerid_account@odata.bind": f"/accounts({account})"})
    row = dataverse.get(f"salesorders({order})?$select=_customerid_value", Prefer=EVERYTHING).json()
    assert row["_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    assert row["_customerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"] == "customerid_account"
    assert row[f"_customerid_value@{FORMATTED}"] == "Contoso"


def test_the_answer_tells_that_the_preference_was_followed(dataverse: Client, account: str) -> None:
    assert dataverse.get(f"accounts({account})", Prefer=EVERYTHING).headers["Preference-Applied"] == EVERYTHING
    answer = dataverse.get("accounts?$select=name", Prefer=f"odata.maxpagesize=3,{EVERYTHING}")
    assert answer.headers["Preference-Applied"] == f"odata.maxpagesize=3, {EVERYTHING}"
    assert "Preference-Applied" not in dataverse.get(f"accounts({account})").headers


def test_only_the_annotations_named_are_told(dataverse: Client, account: str) -> None:
    wanted = f'odata.include-annotations="{FORMATTED},Microsoft.PowerApps.*"'
    row = dataverse.get(f"accounts({account})", Prefer=wanted).json()
    assert f"_msdyn_company_value@{FORMATTED}" in row
    assert not [name for name in row if "Microsoft.Dynamics" in name]


def test_lists_and_expanded_rows_are_annotated(dataverse: Client, account: str) -> None:
    path = f"accounts?$select=statecode&$expand=msdyn_company($select=statecode)&$filter=accountid eq {account}"
    answer = dataverse.get(path, Prefer=EVERYTHING).json()
    assert answer["value"][0][f"statecode@{FORMATTED}"] == "Active"
    assert answer["value"][0]["msdyn_company"][f"statecode@{FORMATTED}"] == "Active"
    assert answer["@Microsoft.Dynamics.CRM.totalrecordcount"] == -1
    assert answer["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is False


def test_a_change_feed_is_annotated(dataverse: Client, account: str) -> None:
    answer = dataverse.get("accounts?$select=statecode", Prefer=f"odata.track-changes,{EVERYTHING}")
    assert answer.headers["Preference-Applied"].startswith("odata.track-changes")
    assert answer.json()["value"][0][f"statecode@{FORMATTED}"] == "Active"


def test_a_conditional_read_is_unconditional_with_annotations_or_expansions(dataverse: Client, account: str) -> None:
    path = f"accounts({account})?$select=name"
    etag = dataverse.get(path).json()["@odata.etag"]
    assert dataverse.get(path, If_None_Match=etag).status_code == 304
    assert dataverse.get(path, If_None_Match=etag, Prefer=EVERYTHING).status_code == 200
    assert dataverse.get(f"{path}&$expand=msdyn_company", If_None_Match=etag).status_code == 200


def test_errors_are_explained_when_asked(dataverse: Client) -> None:
    answer = dataverse.get("accounts(0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e)", Prefer=EVERYTHING).json()["error"]
    details = "@Microsoft.PowerApps.CDS"
    assert answer[f"{details}.ErrorDetails.OperationStatus"] == "0"
    assert answer[f"{details}.ErrorDetails.SubErrorCode"] == "-2146233088"
    assert answer[f"{details}.HelpLink"].endswith("CrmException%3a80040217&client=platform")
    assert answer[f"{details}.InnerError.Message"] == answer["message"]
    assert answer["message"] in answer[f"{details}.TraceText"]
    plain = dataverse.get("accounts(0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e)").json()["error"]
    assert plain.keys() == {"code", "message"}
