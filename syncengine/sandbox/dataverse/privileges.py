"""What users may do. A user with a role may do everything but what the client's settings take away.

Source: Dataverse Web API documentation, error codes PrivilegeDenied and UnManagedIdsAccessDenied.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from uuid import NAMESPACE_URL, uuid5

from syncengine.sandbox.calls import Call, ServiceError
from syncengine.sandbox.dataverse import errors
from syncengine.sandbox.shape import Shape
from syncengine.sandbox.site import Site

CREATE, READ, WRITE, DELETE = "Create", "Read", "Write", "Delete"
ACT_ON_BEHALF = "prvActOnBehalfOfAnotherUser"
BYPASS_LOGIC, BYPASS_PLUG_INS = "prvBypassCustomBusinessLogic", "prvBypassCustomPlugins"


def check(site: Site, call: Call, operation: str, shape: Shape) -> None:
    """Raises: ServiceError when the user, or the one that acts for it, lacks the privilege for the table."""
    if _missing(site):
        logical = errors.table_of(shape).logical
        name = logical if "_" in logical else logical.capitalize()
        check_named(site, call, f"prv{operation}{name}", f" on entity '{logical}'")


def check_named(site: Site, call: Call, privilege: str, where: str = "") -> None:
    """Raises: ServiceError."""
    for user_id in dict.fromkeys(filter(None, (call.initiator_id, call.user_id))):
        patterns = _missing(site).get(user_id, ())
        if any(fnmatchcase(privilege.lower(), pattern.lower()) for pattern in patterns):
            is_other = bool(call.initiator_id) and user_id == call.user_id
            raise _denied(user_id, privilege, where, call, is_other=is_other)


def _missing(site: Site) -> Mapping[str, Sequence[str]]:
    """By user what it lacks; empty where nobody lacks anything, as in most sandboxes."""
    clients = site.settings.clients
    found: Mapping[str, Sequence[str]] = site.remember(
        "missing privileges",
        lambda: {one.user_id: one.missing_privileges for one in clients if one.missing_privileges},
    )
    return found


def _denied(user_id: str, privilege: str, where: str, call: Call, *, is_other: bool) -> ServiceError:
    """What a user lacks in whose name another acts is told as a matter of access."""
    if is_other:
        text = "Not enough privilege to access the Microsoft Dynamics 365 object or perform the requested operation."
        return ServiceError(403, text, code=errors.ACCESS_DENIED)
    text = (
        f"Principal user (Id={user_id}, type=8, roleCount=1, accessMode=4), is missing {privilege} privilege"
        f" (Id={uuid5(NAMESPACE_URL, privilege)}){where}. context.Caller={call.user_id}."
    )
    return ServiceError(403, text, code=errors.PRIVILEGE_MISSING)
