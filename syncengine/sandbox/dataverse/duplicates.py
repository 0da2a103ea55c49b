"""Duplicate detection: published rules say which rows are taken for the same one.

Asked for by `MSCRM.SuppressDuplicateDetection: false`. Rules are rows of `duplicaterules`, what they compare rows of
`duplicateruleconditions`. A rule does not apply to a row that leaves one of its columns empty.

Source: Dataverse Web API documentation, detect duplicate data; tables DuplicateRule and DuplicateRuleCondition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection, sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.calls import Call, ServiceError
from syncengine.sandbox.dataverse import errors
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

HEADER = "mscrm.suppressduplicatedetection"
PUBLISHED, UNPUBLISHED = 2, 0
EXACT, FIRST_CHARACTERS, LAST_CHARACTERS, SAME_DATE, SAME_MOMENT = 0, 1, 2, 3, 4
_TEMPLATES = {
    EXACT: "{column} = {value}",
    FIRST_CHARACTERS: "left({column}, {length}) = left({value}, {length})",
    LAST_CHARACTERS: "right({column}, {length}) = right({value}, {length})",
    SAME_DATE: "({column})::date = ({value})::date",
    SAME_MOMENT: "{column} = {value}",
}
_RULES = sql.SQL(
    "SELECT r.duplicateruleid, r.baseentityname, r.matchingentityname, coalesce(r.iscasesensitive, false),"
    " c.baseattributename, c.matchingattributename, coalesce(c.operatorcode, 0), coalesce(c.operatorparam, 0)"
    " FROM {s}.duplicaterules r JOIN {s}.duplicateruleconditions c ON c.regardingobjectid = r.duplicateruleid"
    " WHERE r.statuscode = {published} ORDER BY r.duplicateruleid"
)


@dataclass(frozen=True, slots=True)
class _Condition:
    base: str
    matching: str
    operator: int
    length: int


@dataclass(frozen=True, slots=True)
class _Rule:
    base: str
    matching: str
    is_case_sensitive: bool
    conditions: tuple[_Condition, ...]


def check(
    site: Site,
    connection: Connection[Any],
    call: Call,
    shape: Shape,
    values: Mapping[str, Any],
    row_id: UUID | None = None,
) -> None:
    """`row_id` is that of a row which is there. Raises: ServiceError when the row would be a duplicate."""
    if call.header(HEADER).lower() != "false":
        return
    rules: Sequence[_Rule] = site.remember("duplicate rules", lambda: _read(site, connection))
    rules = [rule for rule in rules if rule.base == errors.table_of(shape).logical]
    if rules and row_id is not None:
        values = {**_stored(connection, shape, row_id, rules), **values}
    if any(_has_duplicate(site, connection, shape, rule, values, row_id) for rule in rules):
        text = "A record was not created or updated because a duplicate of the current record already exists."
        raise ServiceError(412, text, code=errors.DUPLICATE)


def _read(site: Site, connection: Connection[Any]) -> list[_Rule]:
    rows = connection.execute(_RULES.format(s=sql.Identifier(site.schema), published=sql.Literal(PUBLISHED)))
    found: dict[UUID, _Rule] = {}
    for rule_id, base, matching, is_case_sensitive, *condition in rows:
        before = found.get(rule_id)
        conditions = (*(before.conditions if before else ()), _Condition(*condition))
        found[rule_id] = _Rule(base, matching, is_case_sensitive, conditions)
    return list(found.values())


def _stored(connection: Connection[Any], shape: Shape, row_id: UUID, rules: Sequence[_Rule]) -> dict[str, Any]:
    """What the row holds in the columns that the rules compare."""
    names = {each.base for rule in rules for each in rule.conditions if each.base in shape.by_column}
    if not names:
        return {}
    row = connection.execute(
        sql.SQL("SELECT {} FROM {} WHERE {} = %s").format(
            sql.SQL(", ").join(map(sql.Identifier, names)), shape.relation, shape.row_id.identifier
        ),
        (row_id,),
    ).fetchone()
    return dict(zip(names, row or (), strict=False))


def _has_duplicate(
    site: Site,
    connection: Connection[Any],
    shape: Shape,
    rule: _Rule,
    values: Mapping[str, Any],
    row_id: UUID | None,
) -> bool:
    target = site.shape(site.stock.inventory.names.get(rule.matching, ""))
    if target is None or not site.is_made(target.name):
        return False
    tests = []
    for each in rule.conditions:
        field, value = target.by_column.get(each.matching), values.get(each.base)
        if field is None or value is None:
            return False
        tests.append(_test(rule, each, field, value))
    if row_id is not None and target is shape:
        tests.append(sql.SQL("{} <> {}").format(target.row_id.identifier, sql.Literal(row_id)))
    found = connection.execute(
        sql.SQL("SELECT FROM {} WHERE {} LIMIT 1").format(target.relation, sql.SQL(" AND ").join(tests))
    )
    return bool(found.rowcount)


def _test(rule: _Rule, each: _Condition, field: Field, value: Any) -> sql.Composable:
    folds = field.type is ColumnType.TEXT and not rule.is_case_sensitive
    folded = sql.SQL("lower({})" if folds else "{}")
    template = _TEMPLATES.get(each.operator, _TEMPLATES[EXACT])
    return sql.SQL(template).format(
        column=folded.format(field.identifier), value=folded.format(sql.Literal(value)), length=sql.Literal(each.length)
    )
