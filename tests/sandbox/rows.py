"""Rows that many tests need."""

from itertools import count
from typing import Any

from tests.sandbox.client import Client

_numbers = count(1)
_companies = count(1)  # apart, for a code has four characters


def number() -> str:
    """A key that no other row has."""
    return f"K{next(_numbers):05}"


def make_company(client: Client, code: str | None = None) -> str:
    """The id of a new company."""
    return client.make("cdm_companies", {"cdm_companycode": code or f"c{next(_companies):03}", "cdm_name": "Contoso"})


def make_account(client: Client, **values: Any) -> str:
    """The id of a new account."""
    return client.make("accounts", {"accountnumber": number(), "name": "Contoso", **values})


def error_of(answer: Any) -> tuple[int, str]:
    """Status and code of a dataverse refusal."""
    return answer.status_code, answer.json()["error"]["code"]


def infolog_of(answer: Any) -> str:
    """What a finops refusal says."""
    text: str = answer.json()["error"]["innererror"]["message"]
    return text


def make_group(client: Client, company: str = "usmf", **values: Any) -> str:
    """The id of a new finops customer group."""
    group = number()
    body = {"dataAreaId": company, "CUSTOMERGROUPID": group, "DESCRIPTION": "Group", **values}
    assert client.post("CustomerGroups", body).status_code == 201
    return group


def make_customer(client: Client, company: str = "usmf", **values: Any) -> str:
    """The account number of a new finops customer."""
    account = number()
    group = values.pop("CUSTOMERGROUPID", None) or make_group(client, company)
    body = {"dataAreaId": company, "CUSTOMERACCOUNT": account, "CUSTOMERGROUPID": group, **values}
    answer = client.post("CustomersV3", body)
    assert answer.status_code == 201, answer.text
    return account
