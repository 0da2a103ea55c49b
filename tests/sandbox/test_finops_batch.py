"""`$batch` of the finops service. Source: Finance and Operations OData documentation."""

import json
import re

from tests.sandbox.client import END, Client, change_set, part
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
