import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncengine.connectors.batch import Part, PartAnswer, in_request_order, read_batch, write_batch
from syncengine.errors import PermanentError


def test_lines_end_with_crlf_and_each_call_has_its_number() -> None:
    content_type, body = write_batch([Part(method="GET", url="/a"), Part(method="GET", url="/b")], in_change_sets=False)
    assert body.count(b"\n") == body.count(b"\r\n")
    assert b"Content-ID: 1" in body
    assert b"Content-ID: 2" in body
    assert content_type.startswith('multipart/mixed; boundary="batch_')


def test_each_write_stands_in_a_change_set_of_its_own() -> None:
    parts = [Part(method="POST", url="/a", body="{}"), Part(method="DELETE", url="/b"), Part(method="GET", url="/c")]
    body = write_batch(parts, in_change_sets=True)[1]
    assert body.count(b'boundary="changeset_') == 2
    assert body.count(b"--\r\n") == 3


def test_nested_change_sets_are_read_as_one_list() -> None:
    body = (
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
        b"--c\r\nContent-Type: application/http\r\nContent-ID: 2\r\n\r\n"
        b"HTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\n\r\n\r\n--c--\r\n"
        b'--b\r\nContent-Type: application/http\r\nContent-ID: 1\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{"a":1}\r\n--b--\r\n'
    )
    first, second = read_batch("multipart/mixed; boundary=b", body)
    assert (first.status, first.body.strip(), first.headers) == (204, b"", {"odata-version": "4.0"})
    assert (second.status, json.loads(second.body)) == (200, {"a": 1})
    assert in_request_order([first, second], 2) == [second, first]


def test_bare_line_feeds_and_missing_numbers_are_forgiven() -> None:
    body = b"--b\nContent-Type: application/http\n\nHTTP/1.1 404 Not Found\nX: y\n\n{}\n--b--\n"
    (only,) = read_batch('Multipart/Mixed;charset=utf-8; boundary="b"', body)
    assert (only.status, only.headers, only.body) == (404, {"x": "y"}, b"{}")
    assert in_request_order([only], 2) == [only, None]


@pytest.mark.parametrize(
    ("content_type", "body"), [("text/html", b"<html>"), ("multipart/mixed; boundary=b", b"--b\r\n\r\nno\r\n--b--")]
)
def test_something_else_than_a_batch_is_a_named_problem(content_type: str, body: bytes) -> None:
    with pytest.raises(PermanentError, match="batch"):
        read_batch(content_type, body)


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60), min_size=1, max_size=5))
def test_any_json_body_survives(texts: list[str]) -> None:
    bodies = (json.dumps(text, ensure_ascii=False) for text in texts)
    part = "--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
    answers = "".join(f"{part}{body}\r\n" for body in bodies)
    read = read_batch("multipart/mixed; boundary=b", f"{answers}--b--".encode())
    assert [json.loads(each.body) for each in read] == texts


def test_a_thousand_answers_are_read_at_once() -> None:
    part = b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}\r\n"
    read = read_batch("multipart/mixed; boundary=b", part * 1_000 + b"--b--")
    assert read == [PartAnswer(status=200, headers={}, body=b"{}")] * 1_000
