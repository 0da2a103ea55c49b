"""The errors of Finance and Operations: sorted by their text, since rule errors come as 400 or 500 alike.

Source: Finance and Operations OData documentation.
"""

import re

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

WRITE_REFUSED = re.compile(r"AxOData\w+Exception")

# The first that fits decides.
_TEXTS: tuple[tuple[str, ErrorClass], ...] = (
    (r"update conflict|deadlock", ErrorClass.TRANSIENT),
    (r"already exists|duplicate", ErrorClass.DUPLICATE),
    (r"is not found in the related table", ErrorClass.MISSING_PARENT),
    (r"access denied|not authorized|insufficient (?:permission|privilege)", ErrorClass.PERMISSION),
    (r"does not exist on type|undeclared property|could not find a property", ErrorClass.MAPPING),
    (r"is too long|exceeds the (?:maximum )?(?:allowed )?length|out of range", ErrorClass.DATA),
    (r"cannot (?:be converted|convert)|not a valid", ErrorClass.DATA),
    (r"validatefield failed|must be filled in|is not allowed", ErrorClass.DATA),
)
_BY_STATUS = {
    400: ErrorClass.BUSINESS,
    401: ErrorClass.TRANSIENT,
    403: ErrorClass.PERMISSION,
    404: ErrorClass.MISSING,
    408: ErrorClass.TRANSIENT,
    409: ErrorClass.DUPLICATE,
    412: ErrorClass.CONFLICT,
    413: ErrorClass.DATA,
    422: ErrorClass.DATA,
    429: ErrorClass.THROTTLE,
}


def refusal_of(status: int, body: bytes) -> Refusal:
    """Why this write of a row was refused; class THROTTLE or TRANSIENT where it was only not done."""
    problem = read_problem(body)
    code = problem.code or problem.type.rpartition(".")[2] or str(status)
    return Refusal(code=code, message=readable(problem), error_class=_class_of(status, problem), raw=problem.raw)


def readable(problem: ServiceProblem) -> str:
    """What the service tells its own users: the infolog lines, without the words around them."""
    _, marker, infolog = problem.detail.partition("Infolog:")
    if not marker:
        return problem.text
    lines = (re.sub(r"^\s*(?:Warning|Error|Info):\s*", "", line).strip() for line in infolog.split(";"))
    return "; ".join(line.rstrip(".") for line in lines if line) + "."


def error_of(status: int, body: bytes, *, name: str, correlation: str = "") -> SyncError:
    """The error of a call that is not the write of a row."""
    problem = read_problem(body)
    text = f"{name}: {readable(problem)}{f' (request id {correlation})' if correlation else ''}"
    if status == 429:
        return ThrottledError(text, code=problem.code)
    if status >= 500 or status == 408:
        return UnreachableError(text, code=problem.code)
    if status == 401:
        return CredentialsError(text, code=problem.code)
    if status == 404 or "property" in problem.text.lower():
        return CatalogError(text, code=problem.code)
    return PermanentError(text, code=problem.code or str(status))


def _class_of(status: int, problem: ServiceProblem) -> ErrorClass:
    if status in (401, 403, 404, 412, 429):
        return _BY_STATUS[status]
    text = f"{problem.message} {problem.detail}".lower()
    told = next((error_class for pattern, error_class in _TEXTS if re.search(pattern, text)), None)
    if told is not None:
        return told
    if status >= 500 and not WRITE_REFUSED.search(problem.type):
        return ErrorClass.TRANSIENT
    return _BY_STATUS.get(status, ErrorClass.BUSINESS)
