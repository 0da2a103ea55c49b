"""Why a row is not written that PostgreSQL itself did not refuse."""

from syncengine.connectors.outcomes import Refusal
from syncengine.errors import ErrorClass

TAKEN = Refusal(code="23505", message="A row with the same key is already there.", error_class=ErrorClass.DUPLICATE)
CHANGED_SINCE = Refusal(code="", message="The row has changed since it was read.", error_class=ErrorClass.CONFLICT)
MISSING = Refusal(code="", message="There is no such row.", error_class=ErrorClass.MISSING)
SWALLOWED = Refusal(
    code="", message="A trigger of the table left the row out without a word.", error_class=ErrorClass.BUSINESS
)
ODD_TEXT = Refusal(
    code="22021",
    message="A text holds the character NUL, which PostgreSQL cannot store.",
    error_class=ErrorClass.DATA,
)
