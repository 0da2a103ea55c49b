"""What a person can do about a refused row, by the class of its error and, where it says more, the service's code."""

from collections.abc import Mapping

from syncengine.errors import ErrorClass

_BY_CLASS: Mapping[ErrorClass, str] = {
    ErrorClass.MAPPING: (
        "Compare the map with both tables: the column or value that is named is not there. Correct the map or the"
        " value, then retry."
    ),
    ErrorClass.DATA: "Correct the value in the source row so that the target column can hold it, then retry.",
    ErrorClass.BUSINESS: (
        "The target's own rules refused the row. Do what its message asks for, in the source row or in the target's"
        " set-up, then retry."
    ),
    ErrorClass.PERMISSION: (
        "Give the service account of the target the missing right on this table, or on the team that owns the row,"
        " then retry."
    ),
    ErrorClass.MISSING_PARENT: (
        "Run the map of the table that the row points to, or create the missing row there; the record then goes on"
        " by itself. Clear the reference in the source row if it is wrong."
    ),
    ErrorClass.MISSING: (
        "The row is not where it was. If it was deleted on purpose, delete the other row too, or run the map with"
        " initial sync to make it again; then retry."
    ),
    ErrorClass.CONFLICT: "The row kept changing while it was written. Retry; the newest values of both sides are read.",
    ErrorClass.DUPLICATE: (
        "Another row of the target has the same key. Change the key of one of the two rows, or delete the one that"
        " is not wanted, then retry."
    ),
    ErrorClass.THROTTLE: "The target asked to slow down. Retry when its load is lower.",
    ErrorClass.TRANSIENT: "The target did not answer in time. Check that it can be reached, then retry.",
    ErrorClass.LOOP: (
        "The row went back and forth between the sides: something in one environment changes it after every write."
        " Find that rule or flow, or make the column one-way, then retry."
    ),
    ErrorClass.INTERNAL: "Nothing in your data is known to be wrong. Report this with the text below, then retry.",
}

_BY_CODE: Mapping[str, str] = {
    # Source: error codes of the Dataverse Web API.
    "0x80044331": "Shorten the text in the source row to the length that the target column holds, then retry.",
    "0x8004431a": (
        "The number is not one of the target column's choices. Add the choice there or correct the value map, then"
        " retry."
    ),
    "0x80072560": (
        "The application user is not a member of the target environment. Add it there and give it a role, then retry."
    ),
}


def remedy_for(error_class: ErrorClass | str, code: str = "") -> str:
    """One or two sentences that say what to do; never empty."""
    return _BY_CODE.get(code.lower()) or _BY_CLASS[ErrorClass(error_class)]
