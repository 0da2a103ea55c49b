"""Every failure that the engine knows, by what the caller does about it.

    SyncError
     ├─ TransientError      the same work again, later
     │   ├─ ThrottledError      the service named the time
     │   ├─ UnreachableError    no answer at all
     │   ├─ DisabledError       a person has taken the environment out of use
     │   └─ LeaseLostError      another worker holds the lane now
     ├─ RowError            set this row aside, go on with the others
     └─ PermanentError      stop the map, a person must act
         ├─ CredentialsError    sign-in refused
         ├─ CursorExpiredError  the change feed forgot our position: compare
         └─ CatalogError        a table or column that is not there

Messages name map, key and column, what was kept and what to do next; they hold no row values.
Anything else that is raised is a bug: it fails the work as *internal* and is not retried.
"""

from datetime import datetime
from enum import StrEnum


class ErrorClass(StrEnum):
    """What a refused row needs; decides its remedy and what alerts count."""

    MAPPING = "mapping"  # the map asks for what the target does not have
    DATA = "data"  # a value that the target cannot hold
    BUSINESS = "business"  # a rule of the target refused
    PERMISSION = "permission"  # the service account may not
    MISSING_PARENT = "missing parent"  # a look-up that points to nothing
    MISSING = "missing"  # the row itself is not there
    CONFLICT = "conflict"  # the row changed since it was read
    DUPLICATE = "duplicate"  # the key is taken
    THROTTLE = "throttle"  # too many requests
    TRANSIENT = "transient"  # will pass
    LOOP = "loop"  # bounces between the sides
    INTERNAL = "internal"  # a bug


class SyncError(Exception):
    """The root. `code` is the service's own code, "" where it gave none."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class TransientError(SyncError):
    """The same work succeeds later. `due_at` is None where the service named no time."""

    def __init__(self, message: str, *, code: str = "", due_at: datetime | None = None) -> None:
        super().__init__(message, code=code)
        self.due_at = due_at


class ThrottledError(TransientError):
    pass


class UnreachableError(TransientError):
    pass


class DisabledError(TransientError):
    pass


class LeaseLostError(TransientError):
    pass


class RowError(SyncError):
    """One row that cannot be synced."""

    def __init__(self, message: str, *, error_class: ErrorClass, code: str = "") -> None:
        super().__init__(message, code=code)
        self.error_class = error_class


class PermanentError(SyncError):
    pass


class CredentialsError(PermanentError):
    pass


class CursorExpiredError(PermanentError):
    pass


class CatalogError(PermanentError):
    pass
