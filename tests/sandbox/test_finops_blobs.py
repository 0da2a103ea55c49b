"""Addresses at which packages are written and read. Source: PROTOCOLS 6.2.6."""

import json
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sandbox.client import Client
from tests.sandbox.conftest import Management
from tests.sandbox.packages import put, upload, value, write_url


def read_url(finops: Client) -> str:
    return upload(finops, b"content")


def test_the_write_address_is_json_inside_a_string(finops: Client) -> None:
    text = value(finops, "GetAzureWriteUrl", uniqueFileName="a b.zip")
    made = json.loads(text)
    assert made.keys() == {"BlobId", "BlobUrl"}
    assert (made["BlobId"][0], made["BlobId"][-1]) == ("{", "}")
    assert made["BlobUrl"].startswith(f"{finops.info['base_url']}/dmf/a%20b.zip?")
    assert {"se", "sp", "sr", "sv", "sig"} <= parse_qs(urlsplit(made["BlobUrl"]).query).keys()


def test_it_is_written_without_a_token_as_a_block_blob(finops: Client) -> None:
    url = write_url(finops)
    answer = put(finops, url, b"content", x_ms_blob_type="BlockBlob")
    assert answer.status_code == 201
    assert {"etag", "content-md5", "x-ms-request-id"} <= set(answer.headers)
    assert finops.http.get(url).content == b"content"


def test_the_kind_of_blob_is_required(finops: Client) -> None:
    url = write_url(finops)
    missing, other = put(finops, url, b"x"), put(finops, url, b"x", x_ms_blob_type="PageBlob")
    assert (missing.status_code, missing.headers["x-ms-error-code"]) == (400, "MissingRequiredHeader")
    assert (other.status_code, other.headers["x-ms-error-code"]) == (400, "InvalidHeaderValue")
    assert "<Code>MissingRequiredHeader</Code>" in missing.text
    assert finops.http.get(url).status_code == 404


@pytest.mark.parametrize("change", [("sig=", "sig=A"), ("sp=rw", "sp=rwd"), ("/dmf/", "/dmf/x"), ("se=2", "se=3")])
def test_an_altered_address_counts_for_nothing(finops: Client, change: tuple[str, str]) -> None:
    url = read_url(finops).replace(*change)
    for answer in (finops.http.get(url), put(finops, url, b"x", x_ms_blob_type="BlockBlob")):
        assert (answer.status_code, answer.headers["x-ms-error-code"]) == (403, "AuthenticationFailed")


def test_an_address_expires(new_client: Callable[..., Client], management: Management) -> None:
    client = new_client("finops")
    url = read_url(client)
    management.done("PATCH", f"sandboxes/{client.info['name']}", {"blob_lifetime_s": 0})
    assert client.http.get(url).status_code == 200
    assert client.http.get(write_url(client)).status_code == 403


def test_a_part_of_it_can_be_read(finops: Client) -> None:
    url = read_url(finops)
    answer = finops.http.get(url, headers={"x-ms-range": "bytes=2-3"})
    assert (answer.status_code, answer.content, answer.headers["Content-Range"]) == (206, b"nt", "bytes 2-3/7")
    assert finops.http.get(url, headers={"Range": "bytes=5-"}).content == b"nt"
    assert finops.http.get(url, headers={"Range": "bytes=9-10"}).status_code == 416


def test_other_methods_and_addresses_are_refused_as_the_storage_does(finops: Client) -> None:
    url = read_url(finops)
    assert finops.http.delete(url).status_code == 405
    for path in ("/dmf/", "/dmf/x", "/dmf/x?sig=%FF&id=1"):
        answer = finops.http.get(f"{finops.info['base_url']}{path}")
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/xml")


def test_dataverse_has_no_such_addresses(dataverse: Client) -> None:
    assert dataverse.http.get(f"{dataverse.info['base_url']}/dmf/x").status_code == 404
