"""Environments that live in memory: a stored row, and a service that answers at its address."""

from collections.abc import Callable
from typing import Any

from syncengine.catalog import Column, ColumnType, Key, Table
from syncengine.connectors.base import Identity, Settings
from syncengine.mapping.definition import Company, Direction, FieldMapping, KeyPart, MapDefinition
from syncengine.models import Environment
from syncengine.services.environments import refresh_catalog
from tests.contracts.memory import Memory
from tests.rows import make_environment

LEGAL_ENTITIES = Table(
    name="LegalEntities",
    logical_name="LegalEntity",
    label="Legal entities",
    columns=(
        Column(name="LEGALENTITYID", type=ColumnType.TEXT, max_length=4, is_required=True),
        Column(name="NAME", type=ColumnType.TEXT, max_length=60),
    ),
    keys=(Key(name="natural", columns=("LEGALENTITYID",)),),
)
FINOPS_COLORS = Table(
    name="ProductColors",
    logical_name="ProductColor",
    label="Colors",
    columns=(
        Column(name="COLORID", type=ColumnType.TEXT, max_length=10, is_required=True),
        Column(name="COLORNAME", type=ColumnType.TEXT, max_length=60),
    ),
    keys=(Key(name="natural", columns=("COLORID",)),),
)
FINOPS_GROUPS = Table(
    name="CustomerGroups",
    logical_name="CustomerGroup",
    label="Customer groups",
    columns=(
        Column(name="dataAreaId", type=ColumnType.TEXT, max_length=4, is_required=True),
        Column(name="CUSTOMERGROUPID", type=ColumnType.TEXT, max_length=10, is_required=True),
        Column(name="DESCRIPTION", type=ColumnType.TEXT, max_length=60),
    ),
    keys=(Key(name="natural", columns=("dataAreaId", "CUSTOMERGROUPID")),),
    company_column="dataAreaId",
)
COMPANIES = Table(
    name="cdm_companies",
    logical_name="cdm_company",
    label="Company",
    id_column="cdm_companyid",
    columns=(
        Column(name="cdm_companyid", type=ColumnType.UUID, is_read_only=True),
        Column(name="cdm_companycode", type=ColumnType.TEXT, max_length=4),
        Column(name="cdm_name", type=ColumnType.TEXT, max_length=60),
    ),
    tracks_changes=True,
)
COLORS = Table(
    name="msdyn_productcolors",
    logical_name="msdyn_productcolor",
    label="Color",
    id_column="msdyn_productcolorid",
    columns=(
        Column(name="msdyn_productcolorid", type=ColumnType.UUID, is_read_only=True),
        Column(name="msdyn_colorid", type=ColumnType.TEXT, max_length=10),
        Column(name="msdyn_productcolorname", type=ColumnType.TEXT, max_length=60),
        Column(name="msdyn_name", type=ColumnType.TEXT, max_length=60),
    ),
    tracks_changes=True,
)
GROUPS = Table(
    name="msdyn_customergroups",
    logical_name="msdyn_customergroup",
    label="Customer group",
    id_column="msdyn_customergroupid",
    columns=(
        Column(name="msdyn_customergroupid", type=ColumnType.UUID, is_read_only=True),
        Column(name="msdyn_groupid", type=ColumnType.TEXT, max_length=10),
        Column(name="msdyn_description", type=ColumnType.TEXT, max_length=60),
        Column(name="msdyn_company", type=ColumnType.LOOKUP, targets=("cdm_companies",), bind_name="msdyn_company"),
    ),
    company_column="msdyn_company",
    tracks_changes=True,
)
GROUPS_MAP = MapDefinition(
    name="Customer groups",
    group="Customers",
    description="",
    left_table="CustomerGroups",
    right_table="msdyn_customergroups",
    company=Company(left="dataAreaId", right="msdyn_company.cdm_companycode"),
    key=(
        KeyPart(left="CUSTOMERGROUPID", right="msdyn_groupid"),
        KeyPart(left="dataAreaId", right="msdyn_company.cdm_companycode"),
    ),
    fields=(
        FieldMapping(left="CUSTOMERGROUPID", right="msdyn_groupid", direction=Direction.BOTH),
        FieldMapping(left="DESCRIPTION", right="msdyn_description", direction=Direction.BOTH),
    ),
)


class Service(Memory):
    """An environment in memory that answers as the settings of its test say."""

    organization_id = ""
    tenant = "contoso"
    data_centre = "europe"
    offset_s = 0.0

    def identity(self) -> Identity:
        self._maybe_fail("identity")
        return Identity(
            organization_id=self.organization_id,
            name=self.settings.name,
            version="10.0.40",
            tenant=self.tenant,
            data_centre=self.data_centre,
        )

    def clock_offset_s(self) -> float:
        return self.offset_s


Answering = Callable[..., Service]
Live = Callable[..., tuple[Environment, Service]]


class Known:
    """What answers at which address; everything else is out of reach."""

    def __init__(self) -> None:
        self.services: dict[str, Service] = {}

    def connect(self, settings: Settings) -> Service:
        service = self.services[settings.base_url]
        service.settings = settings
        return service

    def answer(self, base_url: str, kind: str = "finops", **values: Any) -> Service:
        """Makes a service answer at an address."""
        tables = (LEGAL_ENTITIES, FINOPS_COLORS, FINOPS_GROUPS) if kind == "finops" else (COMPANIES, COLORS, GROUPS)
        service = Service(tables, like=kind, name=base_url, page_rows=100)
        for name, value in ({"organization_id": base_url} | values).items():
            setattr(service, name, value)
        self.services[base_url] = service
        return service

    def live(self, kind: str = "finops", **values: Any) -> tuple[Environment, Service]:
        """A stored environment with its catalog, and the service behind it; finops with two companies."""
        environment = make_environment(kind)
        service = self.answer(environment.base_url, kind, **{"organization_id": environment.organization_id} | values)
        if kind == "finops":
            service.put("LegalEntities", LEGALENTITYID="usmf", NAME="Contoso USA")
            service.put("LegalEntities", LEGALENTITYID="demf", NAME="Contoso Germany")
        refresh_catalog(environment)
        return environment, service
