"""Companies: which ones an environment has, and how a map's rows are told apart by them."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from syncengine.catalog import Catalog, Table
from syncengine.connectors.base import Connector
from syncengine.errors import CatalogError
from syncengine.frames import ROW_ID
from syncengine.mapping.definition import MapDefinition
from syncengine.mapping.filters.ast import Filter, In
from syncengine.mapping.keys import fold_text
from syncengine.states import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class CompanyChoice:
    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _CompanyTable:
    table: str
    code: str
    name: str


_TABLES = {
    "finops": _CompanyTable(table="LegalEntities", code="LEGALENTITYID", name="NAME"),
    "dataverse": _CompanyTable(table="cdm_companies", code="cdm_companycode", name="cdm_name"),
}


def read_choices(connector: Connector, catalog: Catalog) -> list[CompanyChoice]:
    """The companies of an environment, by code.

    Raises: CatalogError when it has no company table; what the connector raises.
    """
    names = _TABLES[connector.settings.kind]
    table = catalog.table(names.table)
    code, name = (table.column(names.code), table.column(names.name)) if table else (None, None)
    if table is None or code is None or name is None:
        raise CatalogError(f"{connector.settings.name} has no table {names.table} that lists its companies.")
    choices = [
        CompanyChoice(code=row[0], name=row[1] or "")
        for chunk in connector.chunks(table, columns=(code.name, name.name), where=None)
        for row in chunk.rows.select(code.name, name.name).iter_rows()
        if row[0] is not None
    ]
    return sorted(choices, key=lambda choice: fold_text(choice.code))


def condition(
    definition: MapDefinition, *, side: Side, table: Table, catalog: Catalog, connector: Connector, codes: Sequence[str]
) -> Filter | None:
    """What rows of the map's table on that side must fulfil to belong to one of the companies; None on a global map.

    On the right the company is a look-up: its rows are found by their code first.
    """
    if definition.company is None:
        return None
    if side is Side.LEFT:
        return In(column=definition.company.left, values=tuple(codes))
    look_up, _, code_column = definition.company.right.partition(".")
    column = table.column(look_up)
    target = catalog.table(column.targets[0]) if column is not None and column.targets else None
    if target is None:
        raise CatalogError(f"{table.name} has no look-up {look_up} to a company.")
    keys = pl.DataFrame({code_column: list(codes)}, schema={code_column: pl.String})
    rows = connector.find(target, columns=(code_column,), keys=keys)
    return In(column=look_up, values=tuple(rows[ROW_ID].to_list()))
