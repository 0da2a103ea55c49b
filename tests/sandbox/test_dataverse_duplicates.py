"""Duplicate detection by published rules. Source: Dataverse Web API documentation, detect duplicate data."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.client import Client
from tests.sandbox.rows import error_of, make_account, number

DETECT = {"MSCRM.SuppressDuplicateDetection": "false"}
KIND = {"@odata.type": "Microsoft.Dynamics.CRM.account"}


@pytest.fixture
def rules(dataverse: Client) -> Iterator["Rules"]:
    yield Rules(dataverse)
    for table in ("duplicateruleconditions", "duplicaterules"):
        for row in dataverse.rows(table):
            assert dataverse.delete(f"{table}({row[f'{table[:-1]}id']})").status_code == 204


class Rules:
    def __init__(self, client: Client) -> None:
        self.client = client

    def make(
        self, *conditions: dict[str, Any], matching: str = "account", is_published: bool = True, **more: Any
    ) -> str:
        rule = self.client.make(
            "duplicaterules", {"name": "r", "baseentityname": "account", "matchingentityname": matching, **more}
        )
        for one in conditions:
            names = {"baseattributename": one.get("base", "name"), "matchingattributename": one.get("match", "name")}
            rest = {name: one[name] for name in ("operatorcode", "operatorparam") if name in one}
            bound = {"regardingobjectid@odata.bind": f"/duplicaterules({rule})"}
            self.client.make("duplicateruleconditions", {**names, **rest, **bound})
        if is_published:
            path = f"duplicaterules({rule})/Microsoft.Dynamics.CRM.PublishDuplicateRule"
            assert set(self.client.post(path, {}).json()) == {"@odata.context", "JobId"}
        return rule

    def create(self, **values: Any) -> Any:
        return self.client.call("POST", "accounts", values, DETECT)


def test_a_duplicate_is_refused_when_the_call_asks_for_detection(rules: Rules) -> None:
    rules.make({})
    name = number()
    make_account(rules.client, name=name)
    answer = rules.create(name=name.lower())
    assert error_of(answer) == (412, "0x80040333")
    expected = "A record was not created or updated because a duplicate of the current record already exists."
    assert answer.json()["error"]["message"] == expected
    assert rules.client.post("accounts", {"name": name}).status_code == 204
    suppressed = {"MSCRM.SuppressDuplicateDetection": "true"}
    assert rules.client.call("POST", "accounts", {"name": name}, suppressed).status_code == 204


def test_only_published_rules_count(rules: Rules) -> None:
    name = number()
    make_account(rules.client, name=name)
    rule = rules.make({}, is_published=False)
    row = rules.client.get(f"duplicaterules({rule})").json()
    assert (row["statecode"], row["statuscode"]) == (0, 0)
    assert rules.create(name=name).status_code == 204
    rules.client.post(f"duplicaterules({rule})/Microsoft.Dynamics.CRM.PublishDuplicateRule", {})
    assert rules.client.get(f"duplicaterules({rule})").json()["statuscode"] == 2
    assert error_of(rules.create(name=name)) == (412, "0x80040333")
    assert rules.client.post("UnpublishDuplicateRule", {"DuplicateRuleId": rule}).status_code == 204
    assert rules.create(name=name).status_code == 204


def test_an_update_is_compared_with_what_the_row_holds_beside(rules: Rules) -> None:
    rules.make({}, {"base": "telephone1", "match": "telephone1"})
    name, phone = number(), number()
    make_account(rules.client, name=name, telephone1=phone)
    own = make_account(rules.client, name="other", telephone1=phone)
    answer = rules.client.call("PATCH", f"accounts({own})", {"name": name}, DETECT)
    assert error_of(answer) == (412, "0x80040333")
    assert rules.client.call("PATCH", f"accounts({own})", {"telephone1": "1"}, DETECT).status_code == 204
    assert rules.client.call("PATCH", f"accounts({own})", {"name": name}, DETECT).status_code == 204


def test_a_row_is_no_duplicate_of_itself_nor_of_one_without_a_value(rules: Rules) -> None:
    rules.make({})
    made = make_account(rules.client, name=number())
    assert rules.client.call("PATCH", f"accounts({made})", {"description": "x"}, DETECT).status_code == 204
    make_account(rules.client, name=None)
    assert rules.create(description="nameless").status_code == 204


@pytest.mark.parametrize(
    ("condition", "more", "value", "is_duplicate"),
    [
        ({"operatorcode": 1, "operatorparam": 3}, {}, "ABCxyz", True),
        ({"operatorcode": 1, "operatorparam": 5}, {}, "ABCxyz", False),
        ({"operatorcode": 2, "operatorparam": 2}, {}, "--fg", True),
        ({}, {"iscasesensitive": True}, "ABCDEFG", False),
        ({}, {"iscasesensitive": True}, "abcdefg", True),
    ],
)
def test_conditions_compare_as_they_say(
    rules: Rules, condition: dict[str, Any], more: dict[str, Any], value: str, is_duplicate: bool
) -> None:
    rules.make({"base": "telephone1", "match": "fax", **condition}, **more)
    made = make_account(rules.client, fax="abcdefg")
    answer = rules.create(telephone1=value)
    rules.client.delete(f"accounts({made})")
    assert (answer.status_code == 412) is is_duplicate


def test_a_rule_may_compare_with_another_table(rules: Rules) -> None:
    rules.make({"base": "name", "match": "lastname"}, matching="contact")
    name = number()
    rules.client.make("contacts", {"lastname": name})
    assert error_of(rules.create(name=name)) == (412, "0x80040333")


def test_rows_of_a_bulk_message_are_compared_too(rules: Rules) -> None:
    rules.make({})
    name = number()
    make_account(rules.client, name=name)
    targets = {"Targets": [{**KIND, "name": "fine"}, {**KIND, "name": name}]}
    path = "accounts/Microsoft.Dynamics.CRM.CreateMultiple"
    assert error_of(rules.client.call("POST", path, targets, DETECT)) == (412, "0x80040333")
    assert rules.client.call("POST", path, targets).status_code == 200


@pytest.mark.parametrize("body", [{}, {"DuplicateRuleId": "x"}])
def test_a_rule_that_is_none_is_not_unpublished(dataverse: Client, body: Any) -> None:
    assert error_of(dataverse.post("UnpublishDuplicateRule", body)) == (400, "0x80048d19")
