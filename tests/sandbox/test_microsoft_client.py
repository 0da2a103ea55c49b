"""Microsoft's own client of Dataverse, as it comes, against a sandbox over HTTPS."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from PowerPlatform.Dataverse import col
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.config import DataverseConfig
from PowerPlatform.Dataverse.core.errors import HttpError, MetadataError
from PowerPlatform.Dataverse.models import UpsertItem

from syncengine.sandbox.certificates import CERTIFICATE
from tests.sandbox.client import Client
from tests.sandbox.conftest import Management

NOBODY = "0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e"


class Credential:
    """A token of the sandbox's sign-in, as the client asks for it. Nothing is kept: each call signs in anew."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.scopes += scopes
        answer = self.client.sign_in()
        if answer.status_code != 200:
            raise ClientAuthenticationError(answer.json()["error_description"])
        return AccessToken(self.client.token, 0)


@pytest.fixture(scope="module")
def sandbox(management: Management, trusted: ssl.SSLContext) -> Iterator[Client]:
    info = management.create("dataverse", settings={"is_secure": True})
    with httpx.Client(trust_env=False, verify=trusted) as http:
        yield Client(info=info, http=http)


@pytest.fixture
def client(sandbox: Client, certificates: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataverseClient]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates / CERTIFICATE))
    monkeypatch.setenv("NO_PROXY", "*")
    once = DataverseConfig(http_retries=1)
    with DataverseClient(sandbox.info["base_url"], Credential(sandbox), once) as made:
        yield made


def names(records: Any) -> list[str]:
    return [record["name"] for record in records]


def test_it_takes_no_plain_http(sandbox: Client) -> None:
    """Which is why sandboxes speak HTTPS at all."""
    with pytest.raises(ValueError, match="must use HTTPS"):
        DataverseClient(sandbox.info["base_url"].replace("https:", "http:"), Credential(sandbox))


def test_it_asks_for_a_token_of_the_environment(sandbox: Client, client: DataverseClient) -> None:
    client.records.create("account", {"name": "A"})
    assert set(client.auth.credential.scopes) == {f"{sandbox.info['base_url']}/.default"}


def test_a_record_is_created_and_retrieved(client: DataverseClient) -> None:
    made = client.records.create("account", {"Name": "Ünïted Bikes", "creditlimit": 10.5, "numberofemployees": 7})
    found = client.records.retrieve("account", made, select=["name", "creditlimit", "numberofemployees"])
    assert found is not None
    assert (found.id, found["name"], found["numberofemployees"]) == (made, "Ünïted Bikes", 7)
    assert found["creditlimit"] == 10.5


def test_labels_of_choices_become_their_numbers(client: DataverseClient) -> None:
    made = client.records.create("account", {"name": "A", "msdyn_onholdstatus": "Payment"})
    found = client.records.retrieve("account", made)
    assert found is not None
    assert found["msdyn_onholdstatus"] == 806380003


def test_look_ups_are_bound(client: DataverseClient) -> None:
    client.records.create("cdm_company", {"cdm_companycode": "usmf"})
    by_key = {"msdyn_company@odata.bind": "/cdm_companies(cdm_companycode='usmf')"}
    parent = client.records.create("account", {"name": "Parent", **by_key})
    child = client.records.create(
        "account", {"name": "Child", "msdyn_billingaccount@odata.bind": f"/accounts({parent})"}
    )
    found = client.records.retrieve("account", child, select=["_msdyn_billingaccount_value"])
    assert found is not None
    assert found["_msdyn_billingaccount_value"] == parent


def test_records_are_created_in_bulk(client: DataverseClient) -> None:
    made = client.records.create("account", [{"name": f"bulk {number}"} for number in range(50)])
    assert len(set(made)) == 50
    assert names(client.records.list("account", filter=f"accountid eq {made[7]}")) == ["bulk 7"]


def test_records_are_updated_alone_alike_and_in_pairs(client: DataverseClient) -> None:
    first, second = client.records.create("account", [{"name": "a"}, {"name": "b"}])
    client.records.update("account", first, {"name": "alone", "telephone1": None})
    client.records.update("account", [first, second], {"creditlimit": 5})
    client.records.update("account", [first, second], [{"name": "one"}, {"name": "two"}])
    found = client.records.list("account", filter=f"accountid eq {first} or accountid eq {second}", orderby=["name"])
    assert [(record["name"], record["creditlimit"]) for record in found] == [("one", 5), ("two", 5)]


def test_an_update_creates_nothing(client: DataverseClient) -> None:
    with pytest.raises(HttpError) as refused:
        client.records.update("account", NOBODY, {"name": "x"})
    assert (refused.value.status_code, refused.value.details["service_error_code"]) == (404, "0x80040217")


def test_an_upsert_creates_and_then_updates(client: DataverseClient) -> None:
    for text in ("first", "second"):
        item = UpsertItem(alternate_key={"cdm_name": "O'Brien & 1"}, record={"cdm_description": text})
        client.records.upsert("cdm_jobtype", [item])
    found = client.records.list("cdm_jobtype", filter="cdm_name eq 'O''Brien & 1'")
    assert [record["cdm_description"] for record in found] == ["second"]


def test_records_are_upserted_in_bulk(client: DataverseClient) -> None:
    for first, text in ((1, "once"), (2, "twice")):
        keys = [{"cdm_name": f"f{number}"} for number in range(first, first + 3)]
        items = [UpsertItem(alternate_key=key, record={"cdm_description": text}) for key in keys]
        client.records.upsert("cdm_jobfunction", items)
    found = client.records.list("cdm_jobfunction", orderby=["cdm_name asc"])
    pairs = [(record["cdm_name"], record["cdm_description"]) for record in found]
    assert pairs == [("f1", "once"), ("f2", "twice"), ("f3", "twice"), ("f4", "twice")]


def test_records_are_deleted_one_by_one(client: DataverseClient) -> None:
    first, second, third = client.records.create("account", [{"name": "x"}] * 3)
    client.records.delete("account", first)
    client.records.delete("account", [second, third], use_bulk_delete=False)
    assert [client.records.retrieve("account", each) for each in (first, second, third)] == [None, None, None]


def test_records_are_deleted_in_bulk_by_a_job(client: DataverseClient) -> None:
    made = client.records.create("account", [{"name": "x"} for _ in range(20)])
    job = client.records.delete("account", made)
    found = client.records.retrieve("asyncoperation", str(job))
    assert found is not None
    assert (found["statecode"], found["statuscode"]) == (3, 30)
    assert [client.records.retrieve("account", each) for each in made[:3]] == [None, None, None]


def test_lists_are_filtered_ordered_and_paged(client: DataverseClient) -> None:
    client.records.create("contact", [{"lastname": f"L{number:02}", "jobtitle": "paged"} for number in range(25)])
    asked: dict[str, Any] = {"filter": "jobtitle eq 'paged' and lastname ge 'L05'", "orderby": ["lastname desc"]}
    pages = list(client.records.list_pages("contact", select=["LastName"], page_size=8, **asked))
    assert [len(list(page)) for page in pages] == [8, 8, 4]
    found = client.records.list("contact", page_size=8, count=True, **asked)
    assert [record["lastname"] for record in found] == [f"L{number:02}" for number in range(24, 4, -1)]
    assert len(client.records.list("contact", top=3, **asked)) == 3


def test_queries_are_built(client: DataverseClient) -> None:
    client.records.create("contact", [{"lastname": "Smith", "jobtitle": "built"}, {"lastname": "Jones"}])
    found = client.query.builder("contact").select("lastname").where(col("jobtitle") == "built").execute()
    assert [record["lastname"] for record in found] == ["Smith"]


def test_tables_are_told(client: DataverseClient) -> None:
    told = client.tables.get("salesorder")
    assert told is not None
    assert (told["entity_set_name"], told["primary_id_attribute"]) == ("salesorders", "salesorderid")
    assert client.tables.get("nothing") is None
    assert len(client.tables.list()) > 130


def test_a_batch_answers_each_of_its_operations(client: DataverseClient) -> None:
    batch = client.batch.new()
    batch.records.create("account", {"name": "batch a"})
    batch.records.create("account", [{"name": "batch b"}, {"name": "batch c"}])
    batch.records.upsert("cdm_jobtype", [UpsertItem(alternate_key={"cdm_name": "batch"}, record={})])
    batch.records.list("account", filter="startswith(name,'batch')", orderby=["name"], select=["name"])
    result = batch.execute()
    assert [response.status_code for response in result.responses] == [204, 200, 204, 200]
    assert len(result.responses[1].data["Ids"]) == 2
    assert names(result.responses[3].data["value"]) == ["batch a", "batch b", "batch c"]


def test_a_change_set_may_point_to_what_it_makes(client: DataverseClient) -> None:
    batch = client.batch.new()
    with batch.changeset() as change_set:
        parent = change_set.records.create("account", {"name": "set parent"})
        change_set.records.create("account", {"name": "set child", "msdyn_billingaccount@odata.bind": parent})
        change_set.records.update("account", parent, {"numberofemployees": 3})
    result = batch.execute()
    assert not result.has_errors
    made_parent, made_child, _ = result.entity_ids
    child = client.records.retrieve("account", made_child)
    assert child is not None
    assert child["_msdyn_billingaccount_value"] == made_parent


def test_a_change_set_happens_all_or_not_at_all(client: DataverseClient) -> None:
    batch = client.batch.new()
    with batch.changeset() as change_set:
        change_set.records.create("account", {"name": "undone"})
        change_set.records.delete("account", NOBODY)
    (response,) = batch.execute().responses
    assert (response.status_code, response.error_code) == (404, "0x80040217")
    assert names(client.records.list("account", filter="name eq 'undone'")) == []


@pytest.mark.parametrize(("goes_on", "statuses"), [(False, [204, 404]), (True, [204, 404, 204])])
def test_a_failure_ends_a_batch_unless_it_is_to_go_on(
    client: DataverseClient, goes_on: bool, statuses: list[int]
) -> None:
    batch = client.batch.new()
    batch.records.create("account", {"name": "before"})
    batch.records.delete("account", NOBODY)
    batch.records.create("account", {"name": "after"})
    result = batch.execute(continue_on_error=goes_on)
    assert [response.status_code for response in result.responses] == statuses
    assert result.has_errors


def test_a_refusal_carries_status_code_and_text(client: DataverseClient) -> None:
    with pytest.raises(HttpError, match="does not exist on type") as refused:
        client.records.create("account", {"nothing": 1})
    details = refused.value.details
    assert (refused.value.status_code, details["service_error_code"]) == (400, "0x80048d19")
    assert details["service_request_id"]
    assert not refused.value.is_transient


def test_a_bulk_create_with_one_bad_record_makes_none(client: DataverseClient) -> None:
    with pytest.raises(HttpError, match="maximum allowed length"):
        client.records.create("account", [{"name": "good"}, {"name": "x" * 500}])
    assert names(client.records.list("account", filter="name eq 'good'")) == []


def test_a_taken_key_is_told(client: DataverseClient) -> None:
    client.records.create("cdm_ethnicorigin", {"cdm_name": "same"})
    with pytest.raises(HttpError) as refused:
        client.records.create("cdm_ethnicorigin", {"cdm_name": "SAME"})
    assert (refused.value.status_code, refused.value.details["service_error_code"]) == (412, "0x80060892")


def test_throttling_tells_how_long_to_wait(sandbox: Client, client: DataverseClient, management: Management) -> None:
    client.records.create("account", {"name": "A"})
    management.faults(sandbox.info, throttle=1, retry_after_s=7)
    with pytest.raises(HttpError) as refused:
        client.records.list("account", top=1)
    assert (refused.value.status_code, refused.value.details["retry_after"]) == (429, 7)
    assert refused.value.is_transient


def test_an_unknown_table_is_found_out_before_a_call(client: DataverseClient) -> None:
    with pytest.raises(MetadataError, match="Unable to resolve entity set"):
        client.records.create("nothing", {"name": "x"})


def test_a_wrong_secret_signs_nobody_in(sandbox: Client) -> None:
    stranger = Client(info=sandbox.info, http=sandbox.http, client_secret="wrong")
    other = DataverseClient(sandbox.info["base_url"], Credential(stranger))
    with other, pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        other.records.list("account")
