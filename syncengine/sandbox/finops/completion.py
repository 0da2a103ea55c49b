"""What the service fills in where a create leaves it out: company, numbers of a sequence, default values."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from psycopg import Connection, sql

from syncengine.sandbox.declarations import COMPANY
from syncengine.sandbox.finops import errors, keys
from syncengine.sandbox.finops.payload import value_of
from syncengine.sandbox.finops.read import default_company, has_company
from syncengine.sandbox.finops.rows import locked
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

Defaults = Mapping[str, Any]


def defaults(site: Site, shape: Shape) -> Defaults:
    """The declared default values by column."""
    found: Defaults = site.stock.inventory.remember(f"defaults {shape.name}", lambda: _defaults(site, shape))
    return found


def complete(
    site: Site, connection: Connection[Any], shape: Shape, values: dict[str, Any], known: Defaults
) -> dict[str, Any]:
    """The values with what was left out; `known` are the table's defaults. Raises: ServiceError."""
    table = errors.table_of(shape)
    made = {**known, **values}
    if table.company:
        made[COMPANY] = made.get(COMPANY) or default_company(site, connection)
        if not has_company(site, connection, made[COMPANY]):
            text = f"The value '{made[COMPANY]}' in field 'Company' is not found in the related table 'Legal entities'."
            raise errors.field_failed(shape, COMPANY, text)
    for column in table.columns:
        if column.number_sequence and not made.get(column.name):
            made[column.name] = _next_number(connection, shape, column.name, column.number_sequence, made)
    return made


def _defaults(site: Site, shape: Shape) -> Defaults:
    return {
        one.column: value_of(site.stock, shape, one, _exact(one.declared.default))
        for one in shape.fields.values()
        if one.declared and one.declared.default is not None
    }


def _exact(value: Any) -> Any:
    return Decimal(str(value)) if isinstance(value, float) else value


def _next_number(
    connection: Connection[Any], shape: Shape, column: str, pattern: str, values: Mapping[str, Any]
) -> str:
    """The next number of the sequence that no row of the company has."""
    one, zeros = shape.by_column[column], pattern.count("0")
    sequence = sql.Literal(sql.Identifier(shape.schema, "_number").as_string())
    while True:
        row = connection.execute(sql.SQL("SELECT nextval({})").format(sequence)).fetchone()
        assert row is not None
        text = pattern.replace("0" * zeros, str(row[0]).zfill(zeros))
        key = [(field, text if field is one else values.get(field.column, "")) for field in shape.key]
        if locked(connection, shape, [keys.condition(key)]) is None:
            return text
