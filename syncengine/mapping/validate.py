"""What is wrong with a map, in words for the person who can mend it.

The codes are those that administrators of dual-write know (dual-write documentation).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from syncengine.catalog import Column, ColumnType, Table
from syncengine.errors import PermanentError
from syncengine.mapping.definition import Direction, FieldMapping, MapDefinition
from syncengine.mapping.filters.ast import FilterError
from syncengine.mapping.filters.parse import check_filter, parse_filter
from syncengine.mapping.lines import CompiledField, compiled_field, is_pair, key_pairs, lines_of
from syncengine.mapping.lookups import PathError, is_path, path_column
from syncengine.mapping.plan import ends
from syncengine.mapping.transforms import CONVERTIBLE, constant
from syncengine.states import Side


class Severity(StrEnum):
    ERROR = "error"  # the map cannot run
    WARNING = "warning"  # it runs; a person should look


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`message` says what, where and what to do; `column` is the column it is about, "" for the map as a whole."""

    code: str
    severity: Severity
    message: str
    column: str = ""

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


class MapInvalid(PermanentError):
    """A map that cannot run, with everything that is wrong with it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(" ".join(finding.message for finding in self.findings), code=self.findings[0].code)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    definition: MapDefinition
    left: Table
    right: Table
    right_tables: Mapping[str, Table]
    fields: tuple[CompiledField, ...]  # of the lines whose path leads somewhere

    def table(self, side: Side) -> Table:
        return self.left if side is Side.LEFT else self.right


def validate(
    definition: MapDefinition,
    left: Table | None,
    right: Table | None,
    right_tables: Mapping[str, Table],
    related: Iterable[MapDefinition] = (),
) -> list[Finding]:
    """Everything that is wrong, errors first. `right_tables` are all tables of the right side, by name; `related` the
    other maps of the link, where look-ups without a map are to be warned of."""
    if left is None or right is None:
        return [
            *_missing_table("left", definition.left_table, left),
            *_missing_table("right", definition.right_table, right),
        ]
    fields, findings = _fields(definition, left, right, right_tables)
    subject = _Subject(definition=definition, left=left, right=right, right_tables=right_tables, fields=fields)
    for rule in _RULES:
        findings += rule(subject)
    findings += _without_map(subject, list(related))
    return sorted(findings, key=lambda finding: not finding.is_error)


def _error(code: str, message: str, column: str | None = None) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, message=message, column=column or "")


def _warning(code: str, message: str, column: str | None = None) -> Finding:
    return Finding(code=code, severity=Severity.WARNING, message=message, column=column or "")


def _missing_table(side: str, name: str, table: Table | None) -> Iterator[Finding]:
    if table is None:
        code = "DIPV1018" if side == "left" else "DIPV1020"
        yield _error(code, f"The {side} side has no table {name}. Refresh its tables, or correct the map.")


# --- lines and columns


def _fields(
    definition: MapDefinition, left: Table, right: Table, right_tables: Mapping[str, Table]
) -> tuple[tuple[CompiledField, ...], list[Finding]]:
    fields, findings = [], []
    for line in lines_of(definition):
        try:
            fields.append(compiled_field(line, definition, left=left, right=right, right_tables=right_tables))
        except PathError as exc:
            findings.append(_error(exc.code, f"{exc} Correct the line, or refresh the tables.", line.right))
    return tuple(fields), findings


def _name(line: FieldMapping) -> str:
    return f"the line {line.left or 'none'} – {line.right or 'none'}"


def _ends_there(subject: _Subject) -> Iterator[Finding]:
    for field in subject.fields:
        line = field.line
        if line.left is not None and field.left is None:
            yield _error("DIPV1022", _unknown(subject.left, line.left), line.left)
        if line.right is not None and field.right is None:
            yield _error("DIPV1025", _unknown(subject.right, line.right), line.right)


def _unknown(table: Table, column: str) -> str:
    return f"{table.name} has no column {column}. Refresh the tables, or choose another column."


def _ends_named(subject: _Subject) -> Iterator[Finding]:
    """A line without a source is a constant: it flows to the other side and says which."""
    for line in subject.definition.fields:
        if line.left is None and (
            line.default is None or line.right is None or line.direction is not Direction.TO_RIGHT
        ):
            yield _error("DIPV1021", _no_end(line, "left", "right"), line.right)
        elif line.right is None and (line.default is None or line.direction is not Direction.TO_LEFT):
            yield _error("DIPV1024", _no_end(line, "right", "left"), line.left)
        elif line.left is None and line.right is not None and is_path(line.right):
            message = f"{_name(line)} writes a constant through a look-up, which is not supported. Remove it."
            yield _error("DIPV1021", message, line.right)


def _no_end(line: FieldMapping, missing: str, other: str) -> str:
    return (
        f"In {_name(line)} the {missing} column is missing. Choose one, or give a default and let it flow {other} only."
    )


def _written_once(subject: _Subject) -> Iterator[Finding]:
    pairs = Counter((field.line.left or "", (field.line.right or "").lower()) for field in subject.fields)
    doubles = {pair for pair, count in pairs.items() if count > 1}
    for left, right in doubles:
        yield _error(
            "DIPV1029", f"{left or 'none'} and {right or 'none'} are paired more than once. Remove a line.", right
        )
    for side, code in ((Side.LEFT, "DIPV1023"), (Side.RIGHT, "DIPV1026")):
        names = Counter(
            column.name
            for field in subject.fields
            if field.direction.flows_to(side)
            and (column := field.column(side)) is not None
            and (field.line.left or "", (field.line.right or "").lower()) not in doubles
        )
        for name in (name for name, count in names.items() if count > 1):
            table = subject.table(side).name
            yield _error(code, f"{name} of {table} is written by more than one line. Let only one flow there.", name)


def _written(subject: _Subject, side: Side) -> dict[str, CompiledField]:
    return {
        column.name: field
        for field in subject.fields
        if field.direction.flows_to(side) and (column := field.column(side)) is not None
    }


def _writable(subject: _Subject) -> Iterator[Finding]:
    for side in Side:
        for name, field in _written(subject, side).items():
            column = field.column(side)
            if column is not None and column.is_read_only and field.line in subject.definition.fields:
                message = f"{name} of {subject.table(side).name} is read-only. Let the line flow the other way only."
                yield _error("DIPV1011", message, name)


def _complete(subject: _Subject) -> Iterator[Finding]:
    """Rows that the map creates carry what the table demands."""
    policies = subject.definition.policies
    creates = {Side.LEFT: policies.creates_left, Side.RIGHT: policies.creates_right}
    for side in Side:
        if not creates[side] or not subject.definition.flows_to(side):
            continue
        table, written = subject.table(side), _written(subject, side)
        for column in table.columns:
            if _must_be_given(column, table) and column.name not in written:
                message = f"{table.name} demands {column.name}, which no line writes. Map it, or give it a default."
                yield _error("DIPV1010", message, column.name)


def _must_be_given(column: Column, table: Table) -> bool:
    return column.is_required and not column.is_read_only and column.name != table.id_column


# --- key and company


def _key(subject: _Subject) -> Iterator[Finding]:
    definition = subject.definition
    if not definition.key:
        yield _error("DIPV1003", "The map has no integration key. Say which columns identify a row on both sides.")
    company = definition.company
    for part in definition.key:
        is_company = company is not None and part.left.lower() == company.left.lower()
        if not is_company and not any(is_pair(line, part) for line in definition.fields):
            message = f"The key part {part.left} – {part.right} has no line. It is mapped both ways; add one to see it."
            yield _warning("DIPV1014", message, part.left)
        column = subject.right.column(part.right)
        if column is not None and column.type is ColumnType.LOOKUP:
            message = f"The key part {part.right} is a look-up. Name the column behind it, as in {part.right}.name."
            yield _error("DIPV1015", message, part.right)


def _key_both_ways(subject: _Subject) -> Iterator[Finding]:
    definition = subject.definition
    if not any(line.direction is Direction.BOTH for line in definition.fields):
        return
    for line in definition.fields:
        if any(is_pair(line, pair) for pair in key_pairs(definition)) and line.direction is not Direction.BOTH:
            message = f"{_name(line)} is part of the key and flows one way, while the map goes both. Map it both ways."
            yield _error("DIPV1004", message, line.left)


def _companies(subject: _Subject) -> Iterator[Finding]:
    left, right, definition = subject.left, subject.right, subject.definition
    if definition.company is None:
        if bool(left.company_column) != bool(right.company_column):
            specific, other = (left, right) if left.company_column else (right, left)
            message = (
                f"Rows of {specific.name} belong to a company, those of {other.name} do not. Choose another table."
            )
            yield _error("DIPV1002", message)
        elif left.company_column:
            yield _error("DIPV1016", "Rows of both tables belong to a company, but the map does not say how. Add it.")
        for field in subject.fields:
            if field.lookup is not None and field.lookup.is_company_specific and not left.company_column:
                message = f"{field.lookup.target_table} has a row of each company, and this map knows no company."
                yield _error("DIPV1017", f"{message} Remove {_name(field.line)}.", field.line.right)


# --- values


def _types(subject: _Subject) -> Iterator[Finding]:
    for field in subject.fields:
        if field.left is None or field.right is None:
            continue
        for side in Side:
            source, target = ends(field, side)
            if (
                field.direction.flows_to(side)
                and not field.line.value_map
                and source.type not in CONVERTIBLE[target.type]
            ):
                message = f"{source.name} ({source.type}) cannot be written to {target.name} ({target.type})."
                yield _error("DIPV1030", f"{message} Add a value map, or choose another column.", field.line.left)


def _constants(subject: _Subject) -> Iterator[Finding]:
    for field in subject.fields:
        for side in Side:
            column = field.column(side)
            if column is None or not field.direction.flows_to(side):
                continue
            column = path_column(field.lookup) if field.lookup is not None and side is Side.RIGHT else column
            for text, code in _texts_written(field.line, side):
                problem = _unfit(column, text)
                if problem is not None:
                    yield Finding(
                        code=code,
                        severity=problem,
                        column=column.name,
                        message=_unfit_message(field.line, column, text),
                    )


def _texts_written(line: FieldMapping, side: Side) -> Iterator[tuple[str, str]]:
    """The constants that the line may write on that side, with the code of a wrong one."""
    if line.default is not None:
        yield line.default, "DIPV1031"
    for pair in line.value_map:
        yield (pair.left if side is Side.LEFT else pair.right), "DIPV1030"
    otherwise = line.otherwise_left if side is Side.LEFT else line.otherwise_right
    if otherwise is not None:
        yield otherwise, "DIPV1030"


def _unfit(column: Column, text: str) -> Severity | None:
    try:
        value = constant(column, text)
    except ValueError:
        return Severity.ERROR
    values = {choice.value for choice in column.choices}
    return Severity.WARNING if value is not None and values and str(value) not in values else None


def _unfit_message(line: FieldMapping, column: Column, text: str) -> str:
    return f'In {_name(line)}, {column.name} ({column.type}) cannot be "{text[:60]}". Correct the value.'


def _filters(subject: _Subject) -> Iterator[Finding]:
    definition = subject.definition
    for side, text in ((Side.LEFT, definition.left_filter), (Side.RIGHT, definition.right_filter)):
        try:
            where = parse_filter(text, side)
            if where is not None:
                check_filter(where, subject.table(side), text)
        except FilterError as exc:
            message = f"The {side} filter cannot be read at character {exc.position + 1}: {exc} Correct it."
            yield _error("DIPV1012", message)


# --- look-ups


def _without_map(subject: _Subject, related: Sequence[MapDefinition]) -> Iterator[Finding]:
    filled = {other.right_table.lower() for other in related} | {subject.right.name.lower()}
    if not related:
        return
    for field in subject.fields:
        if field.lookup is not None and field.lookup.target_table.lower() not in filled:
            message = f"No map of the link fills {field.lookup.target_table}, which {field.line.right} looks up."
            yield _warning("DIPV1027", f"{message} Its rows must be there already.", field.line.right)


_RULES = (
    _key,
    _key_both_ways,
    _ends_named,
    _ends_there,
    _written_once,
    _writable,
    _complete,
    _companies,
    _types,
    _constants,
    _filters,
)
