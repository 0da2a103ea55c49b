"""Who a Dataverse environment is and whether it can be used. Source: Dataverse Web API and dual-write documentation."""

from typing import TypeVar

import msgspec

from syncengine.connectors.base import Check, Identity
from syncengine.connectors.checks import CheckFailed, Probe, at_least, run_probes
from syncengine.connectors.dataverse.api import query
from syncengine.connectors.dataverse.errors import NOT_A_MEMBER
from syncengine.connectors.service import Service
from syncengine.errors import CatalogError, CredentialsError, PermanentError

MINIMUM_VERSION = "9.1.0000.11732"  # Source: dual-write documentation
COMPANY_TABLE = "cdm_company"  # the core solution brings it
ORGANIZATION = "RetrieveCurrentOrganization(AccessType=Microsoft.Dynamics.CRM.EndpointAccessType'Default')"
T = TypeVar("T")


class _WhoAmI(msgspec.Struct, rename="pascal"):
    user_id: str
    organization_id: str


class _Version(msgspec.Struct, rename="pascal"):
    version: str


class _Detail(msgspec.Struct, rename="pascal"):
    friendly_name: str = ""
    tenant_id: str = ""
    geo: str = ""
    organization_type: str | int = ""


class _Organization(msgspec.Struct, rename="pascal"):
    detail: _Detail


class _Role(msgspec.Struct):
    name: str = ""


class _Roles(msgspec.Struct):
    value: list[_Role]


def identity(service: Service, *, tenant: str) -> Identity:
    detail = _read(service, ORGANIZATION, _Organization).detail
    return Identity(
        organization_id=_who_am_i(service).organization_id.lower(),
        name=detail.friendly_name,
        version=_version(service),
        tenant=detail.tenant_id.lower() or tenant,
        data_centre=detail.geo,
        is_trial="trial" in str(detail.organization_type).lower(),
    )


def check(service: Service) -> list[Check]:
    host = service.client.root
    return run_probes(
        [
            Probe(
                code="reachable",
                title="The environment answers",
                remedy=f"Check the address {host}, the network and the firewall.",
                find=lambda: _reachable(service),
                needed=True,
            ),
            Probe(
                code="sign-in",
                title="Sign-in works",
                remedy="Check tenant, token URL, client id and client secret; the secret may have run out.",
                find=lambda: _signed_in(service),
                needed=True,
            ),
            Probe(
                code="application-user",
                title="The application has a user",
                remedy="In the Power Platform admin centre add an application user for this client id.",
                find=lambda: f"User {_who_am_i(service).user_id}.",
                needed=True,
            ),
            Probe(
                code="version",
                title="The version is recent enough",
                remedy="Update the environment.",
                find=lambda: at_least(_version(service), MINIMUM_VERSION, what=service.name),
            ),
            Probe(
                code="role",
                title="The application user has a security role",
                remedy="Give the application user a role that may read and write all mapped tables.",
                find=lambda: _roles(service),
            ),
            Probe(
                code="core-solution",
                title="The company table is there",
                remedy="Import the dual-write core solution; it brings the table cdm_company.",
                find=lambda: _core_solution(service),
            ),
        ]
    )


def _reachable(service: Service) -> str:
    try:
        _who_am_i(service)
    except CredentialsError:
        pass  # it answers; the next check tells the rest
    return f"{service.client.root} answers."


def _signed_in(service: Service) -> str:
    try:
        _who_am_i(service)
    except CredentialsError as error:
        if error.code.lower() != NOT_A_MEMBER:
            raise
    return "The credentials are taken."


def _roles(service: Service) -> str:
    user_id = _who_am_i(service).user_id
    url = query(f"systemusers({user_id})/systemuserroles_association", select="name")
    names = sorted(role.name for role in _read(service, url, _Roles).value)
    if not names:
        raise CheckFailed(f"The application user of {service.name} has no security role.")
    return f"Roles: {', '.join(names)}."


def _core_solution(service: Service) -> str:
    try:
        service.get(query(f"EntityDefinitions(LogicalName='{COMPANY_TABLE}')", select="LogicalName"))
    except (CatalogError, PermanentError) as error:
        raise CheckFailed(f"{service.name} has no table {COMPANY_TABLE}.", code=error.code) from error
    return f"Table {COMPANY_TABLE} found."


def _who_am_i(service: Service) -> _WhoAmI:
    return _read(service, "WhoAmI", _WhoAmI)


def _version(service: Service) -> str:
    return _read(service, "RetrieveVersion", _Version).version


def _read(service: Service, url: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(service.get(url).body, type=kind)
    except msgspec.DecodeError as error:
        raise PermanentError(f"{service.name} does not answer as Dataverse does; check its address.") from error
