"""Base address, sign-in and the user behind it. Source: PROTOCOLS 6.2.1."""

from collections.abc import Callable

import pytest

from tests.sandbox.client import END, Client, part
from tests.sandbox.conftest import Management
from tests.sandbox.rows import make_group, number

ON_PREMISES = "/namespaces/AXSF/data"


def on_premises(finops: Client, path: str) -> str:
    return f"{finops.info['base_url']}{ON_PREMISES}/{path}"


def test_the_service_lies_below_data(finops: Client) -> None:
    answer = finops.get(f"{finops.info['base_url']}/data")
    assert answer.json()["@odata.context"] == f"{finops.info['base_url']}/data/$metadata"
    found = {row["name"]: row for row in answer.json()["value"]}
    assert found["CustomersV3"] == {"name": "CustomersV3", "kind": "EntitySet", "url": "CustomersV3"}


def test_on_premises_it_lies_below_namespaces_axsf_data(finops: Client) -> None:
    own = number()
    answer = finops.post(on_premises(finops, "CustomerGroups"), {"dataAreaId": "usmf", "CUSTOMERGROUPID": own})
    assert answer.headers["Location"].startswith(on_premises(finops, "CustomerGroups("))
    assert finops.get(f"{answer.headers['Location']}?cross-company=true").json()["CUSTOMERGROUPID"] == own
    batch = part("GET", f"{ON_PREMISES}/CustomerGroups?$top=1&cross-company=true") + END
    assert finops.batch(batch).statuses == [200]
    metadata = f"{finops.info['base_url']}/namespaces/AXSF/Metadata/PublicEnumerations('NoYes')"
    assert finops.get(metadata).json()["Name"] == "NoYes"


@pytest.mark.parametrize("resource", [{"scope": "{base}/.default"}, {"resource": "{base}"}])
def test_a_token_is_given_by_both_endpoints(finops: Client, resource: dict[str, str]) -> None:
    path = "oauth2/v2.0/token" if "scope" in resource else "oauth2/token"
    form = {
        "grant_type": "client_credentials",
        "client_id": finops.info["client_id"],
        "client_secret": finops.info["client_secret"],
        **{name: text.format(base=finops.info["base_url"]) for name, text in resource.items()},
    }
    url = f"{finops.info['base_url']}/{finops.info['tenant_id']}/{path}"
    token = finops.http.post(url, data=form).json()["access_token"]
    answer = finops.http.get(f"{finops.info['api_url']}/LegalEntities", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_without_a_token_nothing_is_answered(finops: Client) -> None:
    assert finops.http.get(f"{finops.info['api_url']}/LegalEntities").status_code == 401


def test_an_application_that_is_not_listed_or_tied_to_a_user_is_refused(finops: Client, management: Management) -> None:
    made = management.done("POST", f"sandboxes/{finops.info['name']}/clients", {"name": "Other", "is_user": False})
    other = Client(info=finops.info, http=finops.http, client_id=made["client_id"], client_secret=made["client_secret"])
    assert other.get("LegalEntities").status_code == 403
    finops.post("SysAADClients", {"AADClientId": made["client_id"], "UserId": "Admin", "Name": "Other"})
    assert other.get("LegalEntities").status_code == 200
    finops.patch(f"SysAADClients('{made['client_id']}')", {"UserId": ""})
    assert other.get("LegalEntities").status_code == 403


def test_calls_see_only_the_default_company_unless_they_go_across(new_client: Callable[..., Client]) -> None:
    client = new_client("finops", settings={"default_company": "DEMF"})
    for company in ("usmf", "demf"):
        client.post("LegalEntities", {"LEGALENTITYID": company, "NAME": company})
        make_group(client, company)
    assert {row["dataAreaId"] for row in client.rows("CustomerGroups")} == {"demf"}
    one = "CustomerGroups?$filter=dataAreaId eq 'USMF'&cross-company=true"
    assert [row["dataAreaId"] for row in client.rows(one)] == ["usmf"]


def test_companies_are_listed_by_legal_entities(finops: Client) -> None:
    found = finops.rows("LegalEntities?$select=LegalEntityId,Name&cross-company=true")
    assert {"usmf", "demf"} <= {row["LegalEntityId"] for row in found}
    assert finops.get("LegalEntities?$select=LegalEntityId,Nothing&cross-company=true").status_code == 400
