"""Dataverse's error codes, by what they mean for us.

Source: Dataverse Web API documentation; codes not listed there are sorted by their status.
"""

from collections.abc import Mapping

from syncengine.connectors.outcomes import Refusal
from syncengine.connectors.service_errors import ServiceProblem, read_problem
from syncengine.errors import (
    CatalogError,
    CredentialsError,
    ErrorClass,
    PermanentError,
    SyncError,
    ThrottledError,
    UnreachableError,
)

NOT_A_MEMBER = "0x80072560"  # no application user for this application
NO_SUCH_ROW = "0x80040217"
ROW_EXISTS = "0x80040237"
_GONE = frozenset({"0x8006088a", "0x80060888", "0x80048d19"})  # a set, a column or a navigation property

_CLASSES: Mapping[str, ErrorClass] = {
    "0x0": ErrorClass.MAPPING,
    "0x80048d19": ErrorClass.MAPPING,
    "0x80060888": ErrorClass.MAPPING,
    "0x8006088a": ErrorClass.MAPPING,
    "0x80044331": ErrorClass.DATA,
    "0x8004431a": ErrorClass.DATA,
    "0x8004432f": ErrorClass.DATA,
    "0x80044330": ErrorClass.DATA,
    "0x80040265": ErrorClass.BUSINESS,
    "0x80040227": ErrorClass.BUSINESS,
    NOT_A_MEMBER: ErrorClass.PERMISSION,
    "0x80040220": ErrorClass.PERMISSION,
    "0x80048306": ErrorClass.PERMISSION,
    "0x80060891": ErrorClass.MISSING_PARENT,
    "0x80060882": ErrorClass.CONFLICT,
    "0x80060892": ErrorClass.DUPLICATE,
    "0x80040333": ErrorClass.DUPLICATE,
    ROW_EXISTS: ErrorClass.DUPLICATE,
    "0x80072322": ErrorClass.THROTTLE,
    "0x80072321": ErrorClass.THROTTLE,
    "0x80072326": ErrorClass.THROTTLE,
    "0x80044151": ErrorClass.TRANSIENT,
}
_BY_STATUS: Mapping[int, ErrorClass] = {
    400: ErrorClass.BUSINESS,
    401: ErrorClass.TRANSIENT,
    403: ErrorClass.PERMISSION,
    404: ErrorClass.MISSING,
    408: ErrorClass.TRANSIENT,
    412: ErrorClass.CONFLICT,
    413: ErrorClass.DATA,
    429: ErrorClass.THROTTLE,
}
PASSING = frozenset({ErrorClass.THROTTLE, ErrorClass.TRANSIENT})


def refusal_of(status: int, body: bytes, *, row_id: str, creates: bool) -> Refusal:
    """Why this write of this row was refused; class THROTTLE or TRANSIENT where it was only not done."""
    problem = read_problem(body)
    known = _CLASSES.get(problem.code.lower()) or _BY_STATUS.get(status)
    error_class = known or (ErrorClass.TRANSIENT if status >= 500 else ErrorClass.BUSINESS)
    if error_class is ErrorClass.CONFLICT and creates:
        error_class = ErrorClass.DUPLICATE
    if problem.code.lower() == NO_SUCH_ROW:
        # The same code names a bound row that is not there; the message tells which row is meant.
        is_own = not creates and (not row_id or row_id.lower() in problem.message.lower())
        error_class = ErrorClass.MISSING if is_own else ErrorClass.MISSING_PARENT
    return Refusal(code=problem.code, message=problem.text, error_class=error_class, raw=problem.raw)


def error_of(status: int, body: bytes, *, name: str, correlation: str = "") -> SyncError:
    """The error of a call that is not the write of a row."""
    problem = read_problem(body)
    text = _sentence(problem, name, correlation)
    code = problem.code.lower()
    if status == 429:
        return ThrottledError(text, code=problem.code)
    if status >= 500 or status == 408:
        return UnreachableError(text, code=problem.code)
    if code == NOT_A_MEMBER or status == 401:
        return CredentialsError(text, code=problem.code)
    if code in _GONE:
        return CatalogError(text, code=problem.code)
    return PermanentError(text, code=problem.code or str(status))


def _sentence(problem: ServiceProblem, name: str, correlation: str) -> str:
    request = f" (request id {correlation})" if correlation else ""
    return f"{name}: {problem.text}{request}"
