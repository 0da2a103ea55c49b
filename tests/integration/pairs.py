"""Two environments in memory and a link between them, for tests of the pipeline against a real portal database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from syncengine.catalog import Catalog, Choice, Column, ColumnType, Key, Table
from syncengine.mapping.definition import Company, Direction, FieldMapping, KeyPart, ValuePair
from syncengine.models import Change, EntityMap, Link, LinkCompany
from syncengine.pipeline.live import Lane, take_once
from syncengine.repository import journal
from syncengine.services import environments
from syncengine.services.database import atomic, raw
from syncengine.services.works import work_of
from syncengine.states import Side
from tests.contracts.memory import Memory, make_memory
from tests.integration.make import make_link, make_map


def text(name: str, **more: Any) -> Column:
    return Column(name=name, type=ColumnType.TEXT, max_length=60, **more)


COMPANIES = Table(
    name="LegalEntities",
    logical_name="LegalEntity",
    label="Legal entities",
    columns=(text("LEGALENTITYID", is_required=True), text("NAME")),
    keys=(Key(name="key", columns=("LEGALENTITYID",)),),
)
CUSTOMERS = Table(
    name="CustomersV3",
    logical_name="CustomerV3",
    label="Customers V3",
    columns=(
        text("CUSTOMERACCOUNT", is_required=True),
        text("dataAreaId", is_required=True),
        text("NAME"),
        text("PHONE"),
        text("INVOICEACCOUNT"),
        Column(name="CREDITLIMIT", type=ColumnType.DECIMAL, scale=2, null_value="0"),
        text("ONHOLD"),
        text("PARTYTYPE"),
    ),
    keys=(Key(name="key", columns=("dataAreaId", "CUSTOMERACCOUNT")),),
    company_column="dataAreaId",
    modified_column="ModifiedDateTime",
)


def guid(name: str) -> Column:
    return Column(name=name, type=ColumnType.UUID, is_read_only=True)


def lookup(name: str, target: str) -> Column:
    return Column(name=name, type=ColumnType.LOOKUP, targets=(target,), bind_name=name)


CDM_COMPANIES = Table(
    name="cdm_companies",
    logical_name="cdm_company",
    label="Company",
    columns=(guid("cdm_companyid"), text("cdm_companycode"), text("cdm_name")),
    keys=(Key(name="code", columns=("cdm_companycode",)),),
    id_column="cdm_companyid",
    tracks_changes=True,
)
ACCOUNTS = Table(
    name="accounts",
    logical_name="account",
    label="Account",
    columns=(
        guid("accountid"),
        text("accountnumber"),
        lookup("msdyn_company", "cdm_companies"),
        text("name"),
        text("telephone1"),
        lookup("msdyn_billingaccount", "accounts"),
        Column(name="creditlimit", type=ColumnType.DECIMAL, scale=4),
        Column(
            name="onhold",
            type=ColumnType.CHOICE,
            choices=(Choice(value="1", label="No"), Choice(value="2", label="All")),
        ),
        Column(name="customertypecode", type=ColumnType.CHOICE, choices=(Choice(value="3", label="Customer"),)),
    ),
    keys=(Key(name="number", columns=("accountnumber", "msdyn_company")),),
    id_column="accountid",
    company_column="msdyn_company",
    tracks_changes=True,
)


def line(left: str | None, right: str | None, direction: Direction = Direction.BOTH, **more: Any) -> FieldMapping:
    return FieldMapping(left=left, right=right, direction=direction, **more)


COMPANY_MAP = {
    "name": "Legal entities",
    "left_table": "LegalEntities",
    "right_table": "cdm_companies",
    "key": (KeyPart(left="LEGALENTITYID", right="cdm_companycode"),),
    "fields": (line("LEGALENTITYID", "cdm_companycode"), line("NAME", "cdm_name")),
}
CUSTOMER_MAP = {
    "name": "Customers",
    "left_table": "CustomersV3",
    "right_table": "accounts",
    "key": (
        KeyPart(left="CUSTOMERACCOUNT", right="accountnumber"),
        KeyPart(left="dataAreaId", right="msdyn_company.cdm_companycode"),
    ),
    "company": Company(left="dataAreaId", right="msdyn_company.cdm_companycode"),
    "left_filter": '(PartyType == "Organization")',
    "right_filter": "customertypecode eq 3",
    "fields": (
        line("CUSTOMERACCOUNT", "accountnumber"),
        line("NAME", "name"),
        line("PHONE", "telephone1"),
        line("CREDITLIMIT", "creditlimit"),
        line("ONHOLD", "onhold", value_map=(ValuePair(left="No", right="1"), ValuePair(left="All", right="2"))),
        line("INVOICEACCOUNT", "msdyn_billingaccount.accountnumber"),
        line(None, "customertypecode", Direction.TO_RIGHT, default="3"),
        line("PARTYTYPE", None, Direction.TO_LEFT, default="Organization"),
    ),
}


@dataclass(slots=True)
class Pair:
    """A link over two environments in memory: finops-like left, dataverse-like right."""

    link: Link
    left: Memory
    right: Memory
    companies: EntityMap
    customers: EntityMap
    cursors: dict[tuple[Side, str], str] = field(default_factory=dict)

    def memory(self, side: Side) -> Memory:
        return self.left if side is Side.LEFT else self.right

    def capture(self) -> int:
        """Polls both sides as the capture process does; gives the number of changes appended."""
        appended = 0
        for side in Side:
            memory, environment = self.memory(side), self.link.environment(side)
            for table in memory.catalog().tables:
                if not memory.capture_traits(table).polls:
                    continue
                cursor = self.cursors.get((side, table.name), "0")
                poll = memory.poll(table, columns=(), cursor=cursor)
                appended += int(journal.append_events(raw(), environment.pk, poll.events)["appended"].sum())
                self.cursors[side, table.name] = poll.cursor
        return appended

    def event(self, side: Side, table: str, row_id: str, operation: str) -> None:
        """A pushed event, such as a delete that polling does not see."""
        from tests.integration.make import make_events

        events = make_events({"table": table, "row_id": row_id, "operation": operation})
        journal.append_events(raw(), self.link.environment(side).pk, events)

    def take(self) -> int:
        """One take of the lane."""
        return take_once(raw(), self.lane(), limit=1_000)

    def lane(self) -> Lane:
        siblings = list(self.link.maps.select_related("version", "link__left", "link__right"))
        by_id = {map_.pk: map_ for map_ in siblings}
        return Lane(
            lane_id=self.link.lanes.get().pk,
            order=[self.companies.pk, self.customers.pk],
            works=lambda map_id: work_of(by_id[map_id], siblings),
            fence=fence,
            now=timezone.now,
        )

    def settle(self) -> int:
        """Captures and takes until nothing is left; gives the number of takes that had work."""
        takes = 0
        while self.capture() + self.take():
            takes += 1
            assert takes < 30, "the two sides do not come to rest"
        return takes

    def waiting(self) -> int:
        return Change.objects.count()


@contextmanager
def fence() -> Iterator[None]:
    with atomic():
        yield


def make_pair(monkeypatch: Any) -> Pair:
    left = make_memory(COMPANIES, CUSTOMERS, like="finops", name="left")
    right = make_memory(CDM_COMPANIES, ACCOUNTS, like="dataverse", name="right")
    link = make_link()
    memories = {link.left_id: left, link.right_id: right}
    catalogs = {number: Catalog(tables=memory.catalog().tables) for number, memory in memories.items()}
    monkeypatch.setattr(environments, "open_connector", lambda environment: memories[environment.pk])
    monkeypatch.setattr(environments, "catalog_of", lambda environment: catalogs[environment.pk])
    for code in ("usmf", "demf"):
        LinkCompany.objects.create(link=link, code=code)
        left.put("LegalEntities", code, LEGALENTITYID=code, NAME=code.upper())
    pair = Pair(
        link=link,
        left=left,
        right=right,
        companies=make_map(link, **COMPANY_MAP),
        customers=make_map(link, **CUSTOMER_MAP),
    )
    for code in ("usmf", "demf"):
        pair.event(Side.LEFT, "LegalEntities", code, "upsert")
    pair.settle()
    return pair
