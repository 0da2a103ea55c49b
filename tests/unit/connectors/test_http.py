from datetime import UTC, datetime, timedelta

import httpx
import pytest

from syncengine.connectors import http
from syncengine.connectors.http import NotSentError
from syncengine.errors import CredentialsError, PermanentError, ThrottledError, UnreachableError
from tests.unit.connectors.make import ROOT, answer, make_client


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client wanted to wait; it does not."""
    waited: list[float] = []
    monkeypatch.setattr(http.time, "sleep", waited.append)
    return waited


def test_call_carries_token_and_is_counted() -> None:
    client, script = make_client(answer(body={"a": 1}))
    assert client.get("things").body == b'{"a":1}'
    assert script.requests[0].headers["authorization"] == "Bearer token-1"
    assert str(script.requests[0].url) == f"{ROOT}things"
    assert client.calls == {"GET": 1}


def test_read_is_repeated_after_transient_failures(waits: list[float]) -> None:
    client, _ = make_client(answer(503), httpx.ReadError("gone"), answer(body=[]))
    assert client.get("things").status == 200
    assert client.calls["GET"] == 3
    assert 0 < waits[0] < waits[1]


@pytest.mark.parametrize("failure", [httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut"), answer(502)])
def test_write_with_unknown_fate_is_never_repeated(failure: httpx.Response | Exception) -> None:
    client, _ = make_client(failure, answer())
    with pytest.raises(UnreachableError):
        client.send("POST", "things", content=b"{}")
    assert client.calls["POST"] == 1


def test_write_that_never_left_is_repeated() -> None:
    client, _ = make_client(httpx.ConnectError("refused"), answer())
    assert client.send("POST", "things").status == 200


def test_unreachable_service_is_named() -> None:
    client, _ = make_client(httpx.ConnectTimeout("slow"))
    with pytest.raises(NotSentError, match=r"Contoso cannot be reached at service\.test"):
        client.get("things")


def test_short_throttle_is_waited_for_even_by_writes(waits: list[float]) -> None:
    client, _ = make_client(answer(429, retry_after="2"), answer())
    assert client.send("POST", "things").status == 200
    assert waits == [pytest.approx(2, abs=0.2)]


def test_long_throttle_is_handed_on_with_its_time() -> None:
    client, _ = make_client(answer(429, retry_after="120"))
    with pytest.raises(ThrottledError) as caught:
        client.get("things")
    assert caught.value.due_at is not None
    assert abs(caught.value.due_at - datetime.now(UTC) - timedelta(seconds=120)) < timedelta(seconds=5)
    assert client.calls["GET"] == 1


def test_retry_after_may_be_a_date_or_absent() -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    assert http.retry_after_s({"retry-after": f"{later:%a, %d %b %Y %H:%M:%S} GMT"}) == pytest.approx(90, abs=3)
    assert http.retry_after_s({}) == http.DEFAULT_RETRY_AFTER_S


def test_refused_token_is_renewed_once() -> None:
    client, script = make_client(answer(401), answer())
    assert client.send("PATCH", "things").status == 200
    assert script.requests[1].headers["authorization"] == "Bearer token-2"


def test_twice_refused_token_is_a_credentials_error() -> None:
    client, script = make_client(answer(401))
    with pytest.raises(CredentialsError, match="Contoso"):
        client.get("things")
    assert len(script.requests) == 2


def test_link_to_another_host_is_not_followed() -> None:
    client, script = make_client(answer())
    for link in ("http://evil.test/data/x", "https://service.test/data/x", "//evil.test/x", "http://service.test:81/x"):
        with pytest.raises(PermanentError, match="another host"):
            client.get(link)
    assert script.requests == []


def test_own_absolute_link_is_followed_as_it_is() -> None:
    client, script = make_client(answer())
    client.get("http://SERVICE.test:80/data/things?$skiptoken=%3Ca%20b%3D%22%22%3E")
    assert script.requests[0].url.raw_path == b"/data/things?$skiptoken=%3Ca%20b%3D%22%22%3E"


def test_redirect_web_page_and_flood_are_named_problems() -> None:
    page = httpx.Response(200, text="<!DOCTYPE html><p>Sign in</p>")
    for reply, words in [(answer(302, location="http://x.test"), "another address"), (page, "web page")]:
        client, _ = make_client(reply)
        with pytest.raises(PermanentError, match=words):
            client.get("things")
    client, _ = make_client(httpx.Response(200, content=b"x" * 2_000), options={"max_answer_bytes": "1000"})
    with pytest.raises(PermanentError, match="more than 1,000 bytes"):
        client.get("things")


def test_gateway_page_is_transient() -> None:
    client, _ = make_client(httpx.Response(502, text="<html>Bad gateway</html>"))
    with pytest.raises(UnreachableError, match="status 502"):
        client.get("things")


def test_foreign_certificate_is_a_named_problem() -> None:
    client, _ = make_client(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"))
    with pytest.raises(PermanentError, match="certificate"):
        client.get("things")


def test_correlation_id_stands_in_the_message() -> None:
    client, _ = make_client(answer(503, {"error": {"code": "1", "message": "Busy"}}, ms_dyn_aid="abc-1"))
    with pytest.raises(UnreachableError, match=r"Busy \(request id abc-1\)"):
        client.get("things")


def test_client_errors_come_back_as_answers() -> None:
    client, _ = make_client(answer(412))
    assert client.send("PATCH", "things").status == 412


def test_clock_offset_is_told_by_the_date_header() -> None:
    ahead = datetime.now(UTC) + timedelta(seconds=100)
    client, _ = make_client(answer(date=f"{ahead:%a, %d %b %Y %H:%M:%S} GMT"))
    assert client.clock_offset_s("WhoAmI") == pytest.approx(100, abs=1.5)


def test_missing_clock_is_a_named_problem() -> None:
    client, _ = make_client(answer())
    with pytest.raises(PermanentError, match="Date"):
        client.clock_offset_s("WhoAmI")
