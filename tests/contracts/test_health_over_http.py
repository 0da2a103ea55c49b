"""Checks and identity of environments spoken to over HTTP: each check fails for its own reason and says why."""

from dataclasses import replace
from uuid import uuid4

from syncengine.connectors import connect
from syncengine.connectors.base import Connector
from tests.contracts.sandboxes import Sandboxes
from tests.contracts.world import World


def failed_checks(connector: Connector) -> dict[str, str]:
    """Detail by code of the checks that failed by themselves."""
    checks = connector.check()
    connector.close()
    return {check.code: check.detail for check in checks if not check.ok and not check.detail.startswith("Not checked")}


def test_wrong_secret_fails_the_sign_in_check(sandboxes: Sandboxes, kind: str) -> None:
    failed = failed_checks(connect(replace(sandboxes.settings[kind], secret="wrong")))
    assert list(failed) == ["sign-in"]
    assert "Invalid client secret" in failed["sign-in"]
    assert "wrong" not in failed["sign-in"]


def test_nobody_at_the_address_fails_the_reachable_check(sandboxes: Sandboxes, kind: str) -> None:
    failed = failed_checks(connect(replace(sandboxes.settings[kind], base_url="http://127.0.0.1:9")))
    assert list(failed) == ["reachable"]
    assert "127.0.0.1:9" in failed["reachable"]


def test_address_of_the_other_kind_is_told(sandboxes: Sandboxes, kind: str) -> None:
    other = "finops" if kind == "dataverse" else "dataverse"
    mixed = replace(sandboxes.settings[kind], base_url=sandboxes.settings[other].base_url)
    assert failed_checks(connect(mixed))


def test_application_without_a_user_is_told(sandboxes: Sandboxes, kind: str) -> None:
    path = f"/sandboxes/contract {kind}/clients"
    client = sandboxes.ask("POST", path, json={"name": "stranger", "is_user": False})
    settings = replace(sandboxes.settings[kind], client_id=client["client_id"], secret=client["client_secret"])
    failed = failed_checks(connect(settings))
    assert list(failed) == [{"dataverse": "application-user", "finops": "registered"}[kind]]


def test_old_version_is_told(sandboxes: Sandboxes, kind: str) -> None:
    name = f"old {uuid4().hex[:6]}"
    settings = sandboxes.create(name, kind, version="9.0.1.2", build="10.0.8.1")
    failed = failed_checks(connect(settings))
    sandboxes.ask("DELETE", f"/sandboxes/{name}")
    assert list(failed) == (["version"] if kind == "dataverse" else ["version", "companies"])
    assert "needed" in failed["version"]


def test_trial_finops_is_told(sandboxes: Sandboxes) -> None:
    name = f"trial {uuid4().hex[:6]}"
    connector = connect(sandboxes.create(name, "finops", is_trial=True))
    assert connector.identity().is_trial
    failed = failed_checks(connector)
    sandboxes.ask("DELETE", f"/sandboxes/{name}")
    assert list(failed) == ["trial", "companies"]


def test_identity_tells_tenant_and_place(sandboxes: Sandboxes, kind: str, http_world: World) -> None:
    identity = http_world.connector.identity()
    facts = sandboxes.ask("GET", f"/sandboxes/contract {kind}")
    own_id = facts["organization_id" if kind == "dataverse" else "environment_id"]
    assert (identity.organization_id, identity.tenant) == (own_id, facts["tenant_id"])
    assert (identity.data_centre, identity.is_trial) == (facts["data_centre"], False)
