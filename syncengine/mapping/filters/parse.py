"""The filters of a map, read in the language of their side."""

from syncengine.catalog import Table
from syncengine.mapping.filters import odata, range_expression
from syncengine.mapping.filters.ast import Comparison, Filter, FilterError, In, Match, Value
from syncengine.mapping.filters.columns import column_of, leaves, typed
from syncengine.states import Side


def parse_filter(text: str, side: Side) -> Filter | None:
    """The filter; None for an empty text. The left takes a range expression or OData, the right OData.

    No text is both. Where the left text is neither, the error is that of the language that got further.

    Raises: FilterError with its position.
    """
    if not text.strip():
        return None
    if side is Side.RIGHT:
        return odata.parse(text)
    try:
        return range_expression.parse(text)
    except FilterError as as_expression:
        try:
            return odata.parse(text)
        except FilterError as as_odata:
            further = as_odata if as_odata.position > as_expression.position else as_expression
            raise further from None


def check_filter(where: Filter, table: Table, text: str) -> None:
    """Raises: FilterError, with the position in the text, for a column that the table lacks or a value that its column
    cannot hold."""
    for leaf in leaves(where):
        try:
            column = column_of(table, leaf.column)
            for value in _values(leaf):
                typed(column, value)
        except FilterError as exc:
            position = max(text.lower().find(leaf.column.lower()), 0)
            raise FilterError(str(exc), text=text, position=position) from exc


def _values(leaf: Comparison | Match | In) -> tuple[Value, ...]:
    match leaf:
        case Comparison():
            return (leaf.value,)
        case In():
            return leaf.values
    return ()
