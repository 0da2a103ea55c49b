"""Who a Finance and Operations environment is and whether it can be used.

Source: Finance and Operations OData and dual-write documentation.

What kind of environment it is (trial, tenant, place) the service does
not tell; the administration of the platform does, where it can be asked under the same address.
"""

from typing import TypeVar

import msgspec

from syncengine.connectors.base import Check, Identity, Settings
from syncengine.connectors.checks import CheckFailed, Probe, at_least, run_probes
from syncengine.connectors.finops.api import query
from syncengine.connectors.service import Service
from syncengine.errors import CredentialsError, PermanentError

MINIMUM_BUILD = "10.0.383.20013"  # Source: dual-write documentation: application 10.0.9 with platform update 33
VERSIONS = "DataManagementEntities/Microsoft.Dynamics.DataEntities."
ADMINISTRATION = "/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments?api-version=2020-10-01"
APPLICATIONS = "SysAADClients"
COMPANIES = "LegalEntities"
REFUSED = frozenset({"401", "403"})
T = TypeVar("T")


class _Value(msgspec.Struct):
    value: str


class _Rows(msgspec.Struct):
    value: list[msgspec.Raw]


class _Properties(msgspec.Struct, frozen=True, kw_only=True):
    display_name: str = msgspec.field(name="displayName", default="")
    tenant_id: str = msgspec.field(name="tenantId", default="")
    sku: str = msgspec.field(name="environmentSku", default="")


class _Environment(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    location: str = ""
    properties: _Properties = _Properties()


class _Environments(msgspec.Struct):
    value: list[_Environment]


def identity(service: Service, settings: Settings) -> Identity:
    environment = _environment(service)
    return Identity(
        organization_id=environment.name.lower() or service.client.host,
        name=environment.properties.display_name or service.client.host,
        version=_version(service),
        tenant=environment.properties.tenant_id.lower() or settings.tenant,
        data_centre=environment.location,
        is_trial=_is_trial(service, environment),
    )


def check(service: Service, settings: Settings) -> list[Check]:
    return run_probes(
        [
            Probe(
                code="reachable",
                title="The environment answers",
                remedy=f"Check the address {service.client.root}, the network and the firewall.",
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
                code="registered",
                title="The application is registered",
                remedy=(
                    "In Finance and Operations open System administration > Setup > Microsoft Entra ID applications "
                    f"and add client id {settings.client_id} with a user."
                ),
                find=lambda: _registered(service, settings),
                needed=True,
            ),
            Probe(
                code="version",
                title="The version is recent enough",
                remedy="Update the environment to application 10.0.9 with platform update 33 or later.",
                find=lambda: at_least(_version(service), MINIMUM_BUILD, what=service.name),
            ),
            Probe(
                code="trial",
                title="The environment is not a trial",
                remedy="Choose a sandbox or production environment; a trial cannot be linked.",
                find=lambda: _no_trial(service),
            ),
            Probe(
                code="companies",
                title="There are companies",
                remedy="Create a legal entity, and give the application's user access to it.",
                find=lambda: _companies(service),
            ),
        ]
    )


def _reachable(service: Service) -> str:
    try:
        _version(service)
    except (CredentialsError, PermanentError) as error:
        if error.code in REFUSED or isinstance(error, CredentialsError):
            return f"{service.client.root} answers."  # the next checks tell the rest
        raise
    return f"{service.client.root} answers."


def _signed_in(service: Service) -> str:
    try:
        _version(service)
    except CredentialsError as error:
        if error.code not in REFUSED:
            raise
    except PermanentError as error:
        if error.code not in REFUSED:
            raise
    return "The credentials are taken."


def _registered(service: Service, settings: Settings) -> str:
    where = f"AADClientId eq '{settings.client_id}'"
    rows = _read(service, query(APPLICATIONS, where=where, top="1"), _Rows).value
    if not rows:
        raise CheckFailed(f"{service.name} does not list application {settings.client_id}.")
    return f"Application {settings.client_id} is registered."


def _no_trial(service: Service) -> str:
    if _is_trial(service, _environment(service)):
        raise CheckFailed(f"{service.name} is a trial environment.")
    return f"{service.name} is no trial environment."


def _companies(service: Service) -> str:
    rows = _read(service, query(COMPANIES, top="1"), _Rows).value
    if not rows:
        raise CheckFailed(f"{service.name} has no legal entity that our user may see.")
    return "Legal entities found."


def _version(service: Service) -> str:
    answer = service.client.send("POST", f"{VERSIONS}GetApplicationBuildVersion", only_reads=True)
    return _decoded(service, service.checked(answer).body, _Value).value


def _environment(service: Service) -> _Environment:
    """What the platform's administration says of this environment; empty where it cannot be asked."""
    try:
        found = _read(service, ADMINISTRATION, _Environments).value
    except PermanentError:
        return _Environment()
    return found[0] if len(found) == 1 else _Environment()


def _is_trial(service: Service, environment: _Environment) -> bool:
    # Source: trial environments are also known by their host, such as x.trial.operations.dynamics.com.
    return environment.properties.sku.lower() == "trial" or ".trial." in service.client.host


def _read(service: Service, url: str, kind: type[T]) -> T:
    return _decoded(service, service.get(url).body, kind)


def _decoded(service: Service, body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise PermanentError(
            f"{service.name} does not answer as Finance and Operations does; check its address."
        ) from error
