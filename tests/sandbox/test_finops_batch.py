"""`$batch` of the finops service. Source: Finance and Operations OData documentation."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox.client import END, Client, change_set, part
from tests.sandbox.conftest import Management
from tests.sandbox.rows import make_group, number


def group(own: str, company: str = "usmf") -> str:
    return json.dumps({"dataAreaId": company, "CUSTOMERGROUPID": own})


def there(finops: Client, own: str) -> bool:
    path = f"CustomerGroups?cross-company=true&$filter=CUSTOMERGROUPID eq '{own}'"
    return bool(finops.rows(path))


def test_the_whole_answers_200_whatever_its_parts_say(finops: Client) -> None:
    sets = f"{finops.info['api_url']}/CustomerGroups"
    first, last = number(), number()
    answer = finops.batch(
        change_set(("POST", sets, group(first)))
        + change_set(("POST", sets, group("x", "none")))
        + change_set(("POST", sets, group(last)))
        + part("GET", f"{sets}?$top=1&cross-company=true")
        + END
    )
    assert (answer.status, answer.statuses) == (200, [201, 400, 201, 200])
    assert f'"CUSTOMERGROUPID":"{first}"' in answer.parts[0]
    assert "Infolog:" in answer.parts[1]
    assert there(finops, first)
    assert there(finops, last)


def test_a_change_set_happens_all_or_not_at_all(finops: Client) -> None:
    own, kept = number(), make_group(finops)
    answer = finops.batch(
        change_set(
            ("POST", "/data/CustomerGroups", group(own)),
            ("DELETE", f"/data/CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='{kept}')?cross-company=true", ""),
            ("PATCH", "/data/CustomerGroups(dataAreaId='usmf',CUSTOMERGROUPID='none')?cross-company=true", "{}"),
        )
        + END
    )
    assert (answer.status, answer.statuses) == (200, [404])
    assert "Content-ID: 3" in answer.answer.text
    assert not there(finops, own)
    assert there(finops, kept)


def test_answers_of_a_change_set_carry_their_content_ids(finops: Client) -> None:
    own = [number(), number()]
    answer = finops.batch(change_set(*(("POST", "/data/CustomerGroups", group(one)) for one in own)) + END)
    assert answer.statuses == [201, 201]
    assert re.findall(r"Content-ID: (\d)", answer.answer.text) == ["1", "2"]
    assert "boundary=changesetresponse_" in answer.answer.text
    assert answer.answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")


def test_a_new_company_can_be_used_at_once(finops: Client) -> None:
    answer = finops.batch(
        change_set(("POST", "/data/LegalEntities", '{"LEGALENTITYID":"new1","NAME":"New"}'))
        + change_set(("POST", "/data/CustomerGroups", group("10", "new1")))
        + END
    )
    assert answer.statuses == [201, 201]


def test_a_batch_has_five_thousand_calls_at_most(finops: Client) -> None:
    answer = finops.batch(part("GET", "/data/LegalEntities") * 5001 + END)
    assert answer.status == 400
    assert "more than 5000 operations" in answer.answer.text


def test_a_body_that_is_no_batch_is_refused(finops: Client) -> None:
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    assert finops.call("POST", "$batch", b"--b\nnothing", headers).status_code == 400
    assert finops.batch(part("POST", "/data/$batch", "x") + END).statuses == [400]


@pytest.fixture
def settings(finops: Client, management: Management) -> Iterator[Any]:
    path = f"sandboxes/{finops.info['name']}"
    yield lambda **changes: management.done("PATCH", path, changes)
    usual = {
        "needs_content_ids": True,
        "takes_bare_line_feeds": False,
        "nests_failed_change_sets": False,
        "refuses_with_500": False,
    }
    management.done("PATCH", path, usual)


@pytest.mark.parametrize("url", ["{base}/data/CustomerGroups", "/data/CustomerGroups", "CustomerGroups"])
def test_inner_addresses_are_absolute_or_relative(finops: Client, url: str) -> None:
    own, found = number(), url.format(base=finops.info["base_url"])
    answer = finops.batch(change_set(("POST", found, group(own))) + part("GET", f"{found}?$top=1") + END)
    assert answer.statuses == [201, 200]
    assert there(finops, own)


def test_a_part_that_failed_carries_its_status_and_content_id(finops: Client, settings: Any) -> None:
    settings(refuses_with_500=True)
    calls = [("POST", "/data/CustomerGroups", group(number())), ("POST", "/data/CustomerGroups", group("x", "none"))]
    answer = finops.batch(change_set(*calls) + END)
    assert (answer.status, answer.statuses) == (200, [500])
    assert re.findall(r"Content-ID: (\d)", answer.answer.text) == ["2"]


@pytest.mark.parametrize("is_nested", [False, True])
def test_the_answer_of_a_failed_change_set_is_nested_by_a_setting(
    finops: Client, settings: Any, is_nested: bool
) -> None:
    settings(nests_failed_change_sets=is_nested)
    answer = finops.batch(change_set(("POST", "/data/CustomerGroups", group("x", "none"))) + END)
    assert answer.statuses == [400]
    assert ("boundary=changesetresponse_" in answer.answer.text) is is_nested


@pytest.mark.parametrize("is_taken", [False, True])
def test_bare_line_feeds_are_taken_by_a_setting(finops: Client, settings: Any, is_taken: bool) -> None:
    settings(takes_bare_line_feeds=is_taken)
    body = (part("GET", "/data/LegalEntities") + END).encode()
    answer = finops.call("POST", "$batch", body, {"Content-Type": "multipart/mixed; boundary=b"})
    assert answer.status_code == (200 if is_taken else 400)


def test_a_row_of_the_change_set_is_referred_to_by_its_content_id(finops: Client) -> None:
    own = number()
    calls = [
        ("POST", "/data/CustomerGroups", group(own)),
        ("PATCH", "$1?cross-company=true", '{"DESCRIPTION":"B"}'),
    ]
    assert finops.batch(change_set(*calls) + END).statuses == [201, 204]
    found = finops.rows(f"CustomerGroups?cross-company=true&$filter=CUSTOMERGROUPID eq '{own}'")
    assert found[0]["DESCRIPTION"] == "B"
    unknown = finops.batch(change_set(("PATCH", "$7", "{}")) + END)
    assert unknown.statuses == [400]
    assert "Content-ID Reference: '$7' does not exist" in unknown.parts[0]


@pytest.mark.parametrize(("are_needed", "status"), [(True, 400), (False, 200)])
def test_content_ids_of_a_change_set_are_needed_by_a_setting(
    finops: Client, settings: Any, are_needed: bool, status: int
) -> None:
    settings(needs_content_ids=are_needed)
    own = number()
    body = change_set(("POST", "/data/CustomerGroups", group(own))).replace("Content-ID: 1\n", "")
    assert finops.batch(body + END).status == status
    assert there(finops, own) is not are_needed


def test_a_content_id_stands_once_in_a_change_set(finops: Client) -> None:
    calls = [("POST", "/data/CustomerGroups", group(number())) for _ in range(2)]
    answer = finops.batch(change_set(*calls).replace("Content-ID: 2", "Content-ID: 1") + END)
    assert answer.status == 400
