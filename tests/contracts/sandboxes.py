"""Sandboxes with the tables of the contract suite, for this session: real servers, spoken to over HTTP alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from syncengine.connectors import connect
from syncengine.connectors.base import Connector, Settings
from syncengine.sandbox.server import Options, SandboxServer
from tests.contracts.world import COMPANY, World

TOKEN = "contract-suite"
PLAIN_COLUMNS = [
    {"name": "name", "type": "text", "length": 100},
    {"name": "note", "type": "text", "length": 4_000},
    {"name": "amount", "type": "decimal", "scale": 4},
    {"name": "quantity", "type": "integer"},
    {"name": "day", "type": "date"},
    {"name": "moment", "type": "datetime"},
]
CODE = {"name": "code", "type": "text", "length": 40, "required": True}
GROUP_COLUMNS = [CODE, {"name": "name", "type": "text", "length": 100}]

DATAVERSE_TABLES = {
    "tables": [
        {
            "set": "contractgroups",
            "logical": "contractgroup",
            "label": "Groups",
            "primary_id": "contractgroupid",
            "primary_name": "name",
            "keys": [{"name": "code_key", "columns": ["code"]}],
            "columns": GROUP_COLUMNS,
        },
        {
            "set": "contractthings",
            "logical": "contractthing",
            "label": "Things",
            "primary_id": "contractthingid",
            "primary_name": "name",
            "keys": [{"name": "code_key", "columns": ["code"]}],
            "columns": [
                CODE,
                *PLAIN_COLUMNS,
                {"name": "flag", "type": "boolean"},
                {"name": "kind", "type": "choice", "choices": {"1": "One", "2": "Two"}},
                {"name": "groupref", "type": "lookup", "target": "contractgroups", "navigation": "GroupRef"},
            ],
        },
    ]
}
FINOPS_TABLES = {
    "tables": [
        {
            "set": "ContractGroups",
            "entity": "ContractGroup",
            "table": "ContractGroupEntity",
            "label": "Groups",
            "key": ["code"],
            "columns": GROUP_COLUMNS,
        },
        {
            "set": "ContractThings",
            "entity": "ContractThing",
            "table": "ContractThingEntity",
            "label": "Things",
            "key": ["code"],
            "company": True,
            "modified": True,
            "columns": [
                CODE | {"number_sequence": "T-000000", "required": False},
                *PLAIN_COLUMNS,
                {"name": "flag", "type": "enum", "enum": "NoYes"},
                {"name": "kind", "type": "enum", "enum": "ContractKind"},
                {"name": "groupref", "type": "text", "length": 40},
            ],
            "references": [
                {"name": "Group", "columns": ["groupref"], "target": "ContractGroups", "target_columns": ["code"]}
            ],
        },
    ],
    "enums": [{"name": "ContractKind", "members": ["None", "One", "Two"]}],
}


class Sandboxes:
    """A running server with one sandbox a kind, and its management."""

    def __init__(self, url: str) -> None:
        self.management = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
        self.settings = {kind: self.create(f"contract {kind}", kind) for kind in ("dataverse", "finops")}
        self.ask("POST", "/sandboxes/contract dataverse/tables", json=DATAVERSE_TABLES)
        self.ask("POST", "/sandboxes/contract finops/tables", json=FINOPS_TABLES)
        company = [{"LEGALENTITYID": COMPANY, "NAME": "Contoso"}]
        self.ask("POST", "/sandboxes/contract finops/tables/LegalEntities/rows", json=company)

    def create(self, name: str, kind: str, **settings: Any) -> Settings:
        made = self.ask("POST", "/sandboxes", json={"name": name, "kind": kind, "settings": settings})
        return Settings(
            kind=kind,
            name=name,
            base_url=made["base_url"],
            token_url=made["token_url"],
            tenant=made["tenant_id"],
            client_id=made["client_id"],
            secret=made["client_secret"],
        )

    def connector(self, kind: str) -> Connector:
        return connect(self.settings[kind])

    def set_faults(self, kind: str, **faults: Any) -> None:
        self.ask("PUT", f"/sandboxes/contract {kind}/faults", json=faults)

    def ask(self, method: str, path: str, **request: Any) -> Any:
        answer = self.management.request(method, path, **request)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None


@contextmanager
def run_sandboxes(database_url: str) -> Iterator[Sandboxes]:
    server = SandboxServer(Options(database_url=database_url, token=TOKEN, port=0))
    try:
        assert server.start() == []
        sandboxes = Sandboxes(server.url)
        yield sandboxes
        sandboxes.management.close()
    finally:
        server.stop()


def sandbox_world(sandboxes: Sandboxes, kind: str) -> World:
    is_finops = kind == "finops"
    connector = sandboxes.connector(kind)
    catalog = connector.catalog(["contractgroups", "contractthings"])
    groups, things = catalog.table("contractgroups"), catalog.table("contractthings")
    assert groups is not None
    assert things is not None

    def refuse(column: str, value: str, message: str) -> None:
        rule = {"table": things.name, "column": column, "pattern": value, "message": message}
        sandboxes.set_faults(kind, rules=[rule])

    return World(
        connector=connector,
        things=things,
        groups=groups,
        has_natural_ids=is_finops,
        flag="Yes" if is_finops else True,
        kind="One" if is_finops else 1,
        other_kind="Two" if is_finops else 2,
        wrong_kind="Seven" if is_finops else 7,
        refuse=refuse,
        lift=lambda: sandboxes.set_faults(kind),
    )
