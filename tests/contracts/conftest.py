"""The kinds of environment that the contract suite runs against."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from syncengine.catalog import Choice, Column, ColumnType, Key, Reference, Table
from syncengine.errors import ErrorClass
from tests.contracts.memory import make_memory
from tests.contracts.memory_rows import Likeness
from tests.contracts.postgres import make_tables, postgres_world
from tests.contracts.sandboxes import Sandboxes, run_sandboxes, sandbox_world
from tests.contracts.world import World
from tests.embedded import Services

KINDS = ("memory like dataverse", "memory like finops", "dataverse", "finops", "postgres")


@pytest.fixture(scope="session")
def sandboxes(services: Services, postgres_url: str) -> Iterator[Sandboxes]:
    """A sandbox of each kind with the suite's tables, in a database of its own."""
    name = f"contract_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {} OWNER twofold").format(sql.Identifier(name)))
        with run_sandboxes(services.database_url(name)) as running:
            yield running
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def contract_database(services: Services, postgres_url: str) -> Iterator[str]:
    """The address of a PostgreSQL database with the suite's tables."""
    name = f"contract_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {} OWNER twofold").format(sql.Identifier(name)))
        make_tables(services.database_url(name))
        yield services.database_url(name)
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(params=KINDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    kind: str = request.param
    if kind.startswith("memory"):
        made = memory_world("dataverse" if "dataverse" in kind else "finops")
    elif kind == "postgres":
        made = postgres_world(request.getfixturevalue("contract_database"))
    else:
        made = sandbox_world(request.getfixturevalue("sandboxes"), kind)
    yield made
    made.lift()
    made.connector.close()


@pytest.fixture(params=["dataverse", "finops"])
def kind(request: pytest.FixtureRequest) -> str:
    """A kind that is spoken to over HTTP."""
    return str(request.param)


@pytest.fixture
def http_world(sandboxes: Sandboxes, kind: str) -> Iterator[World]:
    made = sandbox_world(sandboxes, kind)
    yield made
    made.lift()
    made.connector.close()


def memory_world(like: Likeness) -> World:
    groups, things = memory_tables(like)
    memory = make_memory(groups, things, like=like)
    is_finops = like == "finops"

    def refuse(column: str, value: str, message: str) -> None:
        memory.refuse(things.name, column, value, message=message, error_class=ErrorClass.BUSINESS)

    return World(
        connector=memory,
        things=things,
        groups=groups,
        has_natural_ids=is_finops,
        flag="Yes" if is_finops else True,
        kind="One" if is_finops else 1,
        other_kind="Two" if is_finops else 2,
        wrong_kind="Seven" if is_finops else 7,
        refuse=refuse,
        lift=memory.rules.clear,
    )


def memory_tables(like: Likeness) -> tuple[Table, Table]:
    is_finops = like == "finops"
    code = Column(name="code", type=ColumnType.TEXT, max_length=40, is_required=True)
    name = Column(name="name", type=ColumnType.TEXT, max_length=100)
    own_id = () if is_finops else (Column(name="id", type=ColumnType.UUID),)
    company = (Column(name="dataAreaId", type=ColumnType.TEXT, max_length=4),) if is_finops else ()
    groups = Table(
        name="contractgroups",
        logical_name="contractgroup",
        label="Groups",
        columns=(*own_id, code, name),
        keys=(Key(name="code", columns=("code",)),),
        id_column="" if is_finops else "id",
        tracks_changes=not is_finops,
    )
    things = Table(
        name="contractthings",
        logical_name="contractthing",
        label="Things",
        columns=(
            *own_id,
            *company,
            code,
            name,
            Column(name="note", type=ColumnType.TEXT, max_length=4_000),
            Column(name="amount", type=ColumnType.DECIMAL, scale=4),
            Column(name="quantity", type=ColumnType.INTEGER),
            Column(name="day", type=ColumnType.DATE),
            Column(name="moment", type=ColumnType.DATETIME),
            *(_finops_columns() if is_finops else _dataverse_columns()),
            Column(name="modified", type=ColumnType.DATETIME, is_read_only=True),
        ),
        keys=(Key(name="code", columns=("dataAreaId", "code") if is_finops else ("code",)),),
        references=(Reference(columns=("groupref",), target_table="contractgroups", target_columns=("code",)),)
        if is_finops
        else (),
        id_column="" if is_finops else "id",
        company_column="dataAreaId" if is_finops else "",
        modified_column="modified",
        tracks_changes=not is_finops,
    )
    return groups, things


def _finops_columns() -> tuple[Column, ...]:
    kinds = tuple(Choice(value=value, label=value) for value in ("None", "One", "Two"))
    flags = tuple(Choice(value=value, label=value) for value in ("No", "Yes"))
    return (
        Column(name="flag", type=ColumnType.ENUM, enum_type="NoYes", choices=flags),
        Column(name="kind", type=ColumnType.ENUM, enum_type="ContractKind", choices=kinds),
        Column(name="groupref", type=ColumnType.TEXT, max_length=40),
    )


def _dataverse_columns() -> tuple[Column, ...]:
    kinds = tuple(Choice(value=value, label=label) for value, label in (("1", "One"), ("2", "Two")))
    return (
        Column(name="flag", type=ColumnType.BOOLEAN),
        Column(name="kind", type=ColumnType.CHOICE, choices=kinds),
        Column(name="groupref", type=ColumnType.LOOKUP, targets=("contractgroups",), bind_name="groupref"),
    )
