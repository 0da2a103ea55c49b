"""Which custom logic a write sets off: callers with the privilege may leave some out. Source: Web API documentation,
bypass custom business logic.
"""

from dataclasses import dataclass

from syncengine.sandbox.calls import Call
from syncengine.sandbox.dataverse import errors, privileges
from syncengine.sandbox.site import Site

BYPASS, BYPASS_PLUG_INS = "mscrm.bypassbusinesslogicexecution", "mscrm.bypasscustompluginexecution"
KINDS = {"customsync", "customasync"}


@dataclass(frozen=True, slots=True)
class Logic:
    """Whether plug-ins, rules and synchronous steps run, and whether asynchronous steps do."""

    is_synchronous_run: bool = True
    is_asynchronous_run: bool = True


ALL = Logic()


def logic_of(site: Site, call: Call) -> Logic:
    """Raises: ServiceError for a caller without the privilege, or a kind of logic that is none."""
    named, plug_ins = call.header(BYPASS), call.header(BYPASS_PLUG_INS).lower() == "true"
    if not named and not plug_ins:
        return ALL
    kinds = {kind.strip().lower() for kind in named.split(",") if kind.strip()}
    if kinds - KINDS:
        raise errors.bad_uri(f"'{min(kinds - KINDS)[:60]}' is no kind of business logic that can be bypassed.")
    if kinds:
        privileges.check_named(site, call, privileges.BYPASS_LOGIC)
    if plug_ins:
        privileges.check_named(site, call, privileges.BYPASS_PLUG_INS)
    return Logic("customsync" not in kinds and not plug_ins, "customasync" not in kinds)
