"""A row filter as a tree, whatever language it was written in.

Two parsers build it (`odata`, `range_expression`); backends turn it into polars expressions (`polars`), OData text
(`to_odata`) or, in the sandbox, SQL. Column names are kept as written: backends resolve them without regard to case.
An empty text literal means "no text": both Dynamics services treat null and "" as the same.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from syncengine.errors import PermanentError

Value = str | int | Decimal | bool | date | datetime | UUID | None


class Operator(StrEnum):
    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"


class TextMatch(StrEnum):
    CONTAINS = "contains"
    STARTS_WITH = "startswith"
    ENDS_WITH = "endswith"
    LIKE = "like"  # `*` stands for any run of characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`value` compared with the column. `enum_type` is the type name before a finops enum symbol, "" elsewhere."""

    column: str
    operator: Operator
    value: Value
    enum_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Text found in the column, without regard to letter case."""

    column: str
    how: TextMatch
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class In:
    column: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function of the service that is true or false of a column, such as `LastXHours`; `name` without its namespace.

    Only `odata.parse_query` gives it: what a service takes, and no filter of a map.
    """

    name: str
    column: str
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Whether any, or all, of the rows that a collection leads to pass `term`; None for "there is one".

    Only `odata.parse_query` gives it: what a service takes, and no filter of a map.
    """

    path: str
    is_all: bool
    term: "Filter | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class And:
    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Or:
    terms: tuple["Filter", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    term: "Filter"


Filter = Comparison | Match | In | Call | Related | And | Or | Not

MAX_TERMS = 1_000  # comparisons in one filter
MAX_DEPTH = 50  # nested brackets


class FilterError(PermanentError):
    """A filter that cannot be understood. `position` counts characters from 0; `text` is the whole filter."""

    def __init__(self, message: str, *, text: str, position: int) -> None:
        super().__init__(message)
        self.text = text
        self.position = position


def refused(where: Call | Related) -> FilterError:
    """What backends say that know only columns of the table itself."""
    what = where.name if isinstance(where, Call) else where.path
    return FilterError(f'"{what}" cannot be part of this filter.', text="", position=0)


def all_of(*terms: Filter | None) -> Filter | None:
    """The terms joined by "and"; None where there is none."""
    present = tuple(term for term in terms if term is not None)
    if len(present) < 2:
        return present[0] if present else None
    return And(terms=present)
