"""The settings of a sandbox: what they refuse, and what they never show."""

from typing import Any

import pytest

from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.registry import changed_settings, new_settings


@pytest.mark.parametrize("kind", Kind)
def test_no_secret_stands_in_what_is_printed(kind: Kind) -> None:
    settings = new_settings(kind)
    (client,) = settings.clients
    shown = f"{settings!r} {client!r} {settings}"
    for secret in (settings.password, settings.signing_key, client.client_secret):
        assert secret not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"limits": {"scale": 0}},
        {"limits": {"window_s": 0}},
        {"limits": {"requests": -1}},
        {"webhook_time_limit_s": 0},
        {"token_lifetime_s": -1},
        {"blob_lifetime_s": 10**12},
        {"delta_lifetime_s": 10**12},
        {"clients": []},
        {"organization_id": "contoso"},
        {"password": ""},
        {"nothing": 1},
    ],
)
def test_settings_that_no_service_can_run_with_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not understood"):
        changed_settings(new_settings(Kind.FINOPS), changes)
