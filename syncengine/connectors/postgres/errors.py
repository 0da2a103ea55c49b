"""PostgreSQL's errors, by what they mean for us: translated here and nowhere else.

Source: PostgreSQL documentation, appendix "PostgreSQL Error Codes".
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg

from syncengine.connectors.outcomes import Refusal
from syncengine.errors import (
    CatalogError,
    CredentialsError,
    ErrorClass,
    PermanentError,
    SyncError,
    TransientError,
    UnreachableError,
)

NO_SUCH_TABLE = "42P01"
TOO_BIG = "54000"
NOT_PERMITTED = "42501"
NOT_SUPPORTED = "0A000"
RAW_LIMIT = 4_000  # characters of an answer that are kept for a person to read

_GONE = frozenset({NO_SUCH_TABLE, "42703", "42704", "3F000", "42883"})  # table, column, type, schema, function
_CREDENTIALS = frozenset({"28000", "28P01"})
_PASSING = frozenset({"40001", "40P01", "40003", "55P03", "55006", "57014", "25P03"})
_PASSING_CLASSES = frozenset({"53"})  # out of disk, memory or connections
_AWAY_CLASSES = frozenset({"08"})
_AWAY = frozenset({"57P01", "57P02", "57P03", "57P05"})  # shut down, crashed, starting, idle for too long

_ROW_CLASSES: Mapping[str, ErrorClass] = {
    "23502": ErrorClass.DATA,
    "23503": ErrorClass.MISSING_PARENT,
    "23505": ErrorClass.DUPLICATE,
    "23514": ErrorClass.BUSINESS,
    "23P01": ErrorClass.DUPLICATE,
    "428C9": ErrorClass.MAPPING,
    "44000": ErrorClass.BUSINESS,
    NOT_PERMITTED: ErrorClass.PERMISSION,
}
_ROW_CLASSES_BY_GROUP: Mapping[str, ErrorClass] = {
    "09": ErrorClass.BUSINESS,  # a trigger
    "22": ErrorClass.DATA,
    "23": ErrorClass.BUSINESS,
    "27": ErrorClass.BUSINESS,
    "38": ErrorClass.BUSINESS,
    "39": ErrorClass.BUSINESS,
    "P0": ErrorClass.BUSINESS,  # RAISE in a trigger
}
_SIGN_IN = (
    "authentication failed",
    "no password supplied",
    "pg_hba.conf",
    "role ",
    "certificate",
    "not permitted to log",
)


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Errors of the driver leave as our own; `name` is the environment's."""
    try:
        yield
    except psycopg.Error as error:
        raise error_of(error, name=name) from error


def error_of(error: psycopg.Error, *, name: str) -> SyncError:
    """The error of a statement that is not the write of a row."""
    code, text = error.sqlstate or "", f"{name}: {_first_line(error)}"
    if code in _CREDENTIALS or (not code and _is_sign_in(error)):
        return CredentialsError(text, code=code)
    if code in _PASSING or code[:2] in _PASSING_CLASSES:
        return TransientError(text, code=code)
    if code in _AWAY or code[:2] in _AWAY_CLASSES:
        return UnreachableError(text, code=code)
    if code in _GONE:
        return CatalogError(text, code=code)
    if not code and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return UnreachableError(text)
    return PermanentError(text, code=code)


def is_of_a_row(error: psycopg.Error) -> bool:
    """Whether single rows are to blame, so that the others can be written without them."""
    return row_class(error.sqlstate or "") is not None


def row_class(code: str) -> ErrorClass | None:
    """None where the error is not one of a row."""
    return _ROW_CLASSES.get(code) or _ROW_CLASSES_BY_GROUP.get(code[:2])


def is_passing(code: str) -> bool:
    return code in _PASSING or code[:2] in _PASSING_CLASSES


def refusal_of(code: str, message: str, *, detail: str = "", deletes: bool = False) -> Refusal:
    """Why this write of this row was refused."""
    error_class = row_class(code) or ErrorClass.BUSINESS
    if error_class is ErrorClass.MISSING_PARENT and deletes:
        error_class = ErrorClass.BUSINESS  # rows of another table still point to it
    raw = f"{code}: {message}" + (f" ({detail})" if detail else "")
    return Refusal(code=code, message=message, error_class=error_class, raw=raw[:RAW_LIMIT])


def _is_sign_in(error: psycopg.Error) -> bool:
    """libpq hands no code on for a refused connection, only the server's words."""
    text = str(error)
    return isinstance(error, psycopg.OperationalError) and any(words in text for words in _SIGN_IN)


def _first_line(error: psycopg.Error) -> str:
    text = error.diag.message_primary or str(error) or "no reason given"
    return text.strip().partition("\n")[0]
