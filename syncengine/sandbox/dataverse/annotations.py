"""What is told beside the values when the client asks: how they read, what look-ups point to, details of errors.

Source: Dataverse Web API documentation, request annotations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from psycopg import sql

from syncengine.catalog import ColumnType
from syncengine.sandbox.calls import Answer, Call, ServiceError
from syncengine.sandbox.dataverse import errors
from syncengine.sandbox.dataverse.shape import navigation
from syncengine.sandbox.declarations import Column
from syncengine.sandbox.shape import Field, Shape
from syncengine.sandbox.site import Site

PREFERENCE = "odata.include-annotations"
FORMATTED = "OData.Community.Display.V1.FormattedValue"
TABLE = "Microsoft.Dynamics.CRM.lookuplogicalname"
PROPERTY = "Microsoft.Dynamics.CRM.associatednavigationproperty"
COUNT = "Microsoft.Dynamics.CRM.totalrecordcount"
IS_MORE = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"
_DETAILS = "Microsoft.PowerApps.CDS."
_HELP = "http://go.microsoft.com/fwlink/?LinkID=398563&error=Microsoft.Crm.CrmException%3a{code}&client=platform"
_MOMENT = sql.SQL("to_char({} AT TIME ZONE 'UTC', 'FMMM/FMDD/YYYY FMHH12:MI AM')")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The annotations that the client asks for, as names in which `*` stands for anything; none for no patterns."""

    patterns: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def __bool__(self) -> bool:
        return bool(self.patterns)


NOTHING = Wanted()


def wanted(call: Call) -> Wanted:
    text = call.preferences.get(PREFERENCE)
    return NOTHING if not text else Wanted(tuple(part.strip() for part in text.split(",") if part.strip()))


def applied(call: Call) -> str:
    """What the header `Preference-Applied` says of annotations; "" where none were asked for."""
    text = call.preferences.get(PREFERENCE)
    return f'{PREFERENCE}="{text}"' if text else ""


def of_error(code: str, message: str, asked: Wanted, details: dict[str, str]) -> dict[str, str]:
    """What an error carries beside its code and text."""
    every = {
        "ErrorDetails.OperationStatus": "0",
        "ErrorDetails.SubErrorCode": "-2146233088",
        "HelpLink": _HELP.format(code=code.removeprefix("0x")),
        "TraceText": f"\r\n[Sandbox]\r\n{message}\r\n",
        "InnerError.Message": message,
        **details,
    }
    return {f"@{_DETAILS}{name}": text for name, text in every.items() if f"{_DETAILS}{name}" in asked}


def refusal(call: Call, error: ServiceError) -> Answer:
    """The answer to a call that is refused, with as much detail as the client asks for."""
    return errors.answer_of(error, of_error(errors.code_of(error), str(error), wanted(call), {}))


def of_row(
    site: Site, shape: Shape, fields: tuple[Field, ...], row: sql.Composable, asked: Wanted
) -> Iterator[tuple[str, sql.Composable]]:
    """Names and values of what is told of a row, which is called `row`; values are texts, null for none."""
    for one in fields:
        if one.type is ColumnType.LOOKUP and one.declared is not None:
            yield from _of_lookup(site, one, one.declared, row, asked)
        elif FORMATTED in asked:
            text = _formatted(one)
            if text is not None:
                yield f"{one.name}@{FORMATTED}", text


def _of_lookup(
    site: Site, one: Field, column: Column, row: sql.Composable, asked: Wanted
) -> Iterator[tuple[str, sql.Composable]]:
    branches = column.branches()
    if FORMATTED in asked:
        names = [name for branch in branches if (name := _name(site, branch, row)) is not None]
        if names:
            yield f"{one.name}@{FORMATTED}", sql.SQL("coalesce({})").format(sql.SQL(", ").join(names))
    if TABLE in asked:
        tables = [errors.table_of(site.stock.shapes[branch.target]).logical for branch in branches]
        yield f"{one.name}@{TABLE}", _which(row, branches, tables)
    if PROPERTY in asked:
        yield f"{one.name}@{PROPERTY}", _which(row, branches, [navigation(branch) for branch in branches])


def _name(site: Site, branch: Column, row: sql.Composable) -> sql.Composable | None:
    """What the row that the look-up points to is called by people."""
    if not site.is_made(branch.target):
        return None
    target = site.stock.shapes[branch.target]
    name = target.by_column.get(errors.table_of(target).primary_name)
    if name is None:
        return None
    return sql.SQL("(SELECT f.{}::text FROM {} f WHERE f.{} = {}.{})").format(
        name.identifier, target.relation, target.row_id.identifier, row, sql.Identifier(branch.name)
    )


def _which(row: sql.Composable, branches: list[Column], texts: list[str]) -> sql.Composable:
    """The text that belongs to the branch which is filled."""
    cases = [
        sql.SQL("WHEN {}.{} IS NOT NULL THEN {}").format(row, sql.Identifier(branch.name), sql.Literal(text))
        for branch, text in zip(branches, texts, strict=True)
    ]
    return sql.SQL("CASE {} END").format(sql.SQL(" ").join(cases))


def _formatted(one: Field) -> sql.Composable | None:
    """The value as the service shows it to an American; None for what reads as it is."""
    column, name = one.declared, one.identifier
    if column is not None and column.is_multiple:
        return _several(column, name)
    match one.type:
        case ColumnType.CHOICE if column is not None and column.choices:
            return _label(column, name)
        case ColumnType.BOOLEAN:
            return sql.SQL("CASE WHEN {} THEN 'Yes' WHEN NOT {} THEN 'No' END").format(name, name)
        case ColumnType.DATETIME:
            return _MOMENT.format(name)
        case ColumnType.DATE:
            return sql.SQL("to_char({}, 'FMMM/FMDD/YYYY')").format(name)
        case ColumnType.INTEGER:
            return sql.SQL("to_char({}, 'FM999,999,999,999,999,990')").format(name)
        case ColumnType.DECIMAL:
            scale = column.scale if column is not None else 0
            sign = "$" if column is not None and column.is_money else ""
            digits = f"FM999,999,999,999,999,990{'.' if scale else ''}{'0' * scale}"
            return sql.SQL(
                "CASE WHEN {column} < 0 THEN '-' ELSE '' END || {sign} || to_char(abs({column}), {digits})"
            ).format(column=name, sign=sql.Literal(sign), digits=sql.Literal(digits))
        case _:
            return None


def _label(column: Column, number: sql.Composable) -> sql.Composable:
    """What a choice is called."""
    pairs = [
        sql.SQL("WHEN {} THEN {}").format(sql.Literal(int(code)), sql.Literal(label))
        for code, label in column.choices.items()
    ]
    return sql.SQL("CASE {} {} END").format(number, sql.SQL(" ").join(pairs))


def _several(column: Column, name: sql.Composable) -> sql.Composable:
    """What several choices are called."""
    labels = _label(column, sql.SQL("c::integer"))
    return sql.SQL("(SELECT string_agg({}, '; ' ORDER BY c::integer) FROM unnest(string_to_array({}, ',')) c)").format(
        labels, name
    )
