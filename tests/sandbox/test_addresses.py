"""Addresses of OData services: segments, keys, options."""

from decimal import Decimal
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.sandbox import addresses
from syncengine.sandbox.addresses import BadAddress

ID = "0f3c1a52-6f0e-4d7a-9a0e-3a8f5d1c2b4e"


def keys(text: str) -> list[tuple[str, object]]:
    return list(addresses.parse(text).segments[0].key or ())


def test_a_lone_key_has_no_name() -> None:
    assert keys(f"accounts({ID})") == [("", UUID(ID))]


def test_a_key_may_have_several_columns() -> None:
    assert keys(f"contacts(name='A', _owner_value={ID},size=-2,rate=1.50,done=true)") == [
        ("name", "A"),
        ("_owner_value", UUID(ID)),
        ("size", -2),
        ("rate", Decimal("1.50")),
        ("done", True),
    ]


@pytest.mark.parametrize("moment", ["2026-11-21", "2026-11-21T03:00:00Z", "2026-11-21T03:00:00.5+01:00"])
def test_dates_in_keys_are_not_quoted(moment: str) -> None:
    assert keys(f"invoices(msdyn_invoicedate={moment},msdyn_invoicenumber='7')") == [
        ("msdyn_invoicedate", moment),
        ("msdyn_invoicenumber", "7"),
    ]


def test_quotes_are_doubled_and_slashes_and_brackets_belong_to_the_text() -> None:
    assert keys("accounts(name='O''Brien%20(a/b)')") == [("name", "O'Brien (a/b)")]


def test_percent_encoded_keys_are_read_like_plain_ones() -> None:
    assert keys("accounts(name%3D%27a%2Fb%27)") == keys("accounts(name='a/b')")


def test_a_plus_in_a_path_is_no_blank_and_in_an_option_it_is() -> None:
    assert keys("accounts(name='a+b')") == [("name", "a+b")]
    assert addresses.parse("accounts?$filter=a+eq+1").option("$filter") == "a eq 1"


def test_empty_brackets_are_an_empty_key() -> None:
    assert addresses.parse("WhoAmI()").segments[0].key == ()
    assert addresses.parse("WhoAmI").segments[0].key is None


def test_a_key_may_name_a_parameter() -> None:
    assert keys("RetrieveX(AccessType=@p)?@p=Microsoft.Dynamics.CRM.EndpointAccessType'Default'") == [
        ("AccessType", "Default")
    ]


def test_system_options_may_be_written_in_capitals() -> None:
    assert addresses.parse("accounts?$TOP=1").option("$top") == "1"


@pytest.mark.parametrize(
    "text", ["accounts('", "accounts(a=)", "accounts(a=1,)", "accounts(a=1 b=2)", "a?$top=1&$top=2", "accounts(a=@x)"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        addresses.parse(text)


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        found = addresses.parse(text)
    except BadAddress:
        return
    assert found.text == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_any_text_survives_in_a_key(text: str) -> None:
    quoted = quote("'" + text.replace("'", "''") + "'", safe="")
    assert keys(f"accounts(name={quoted})") == [("name", text)]
