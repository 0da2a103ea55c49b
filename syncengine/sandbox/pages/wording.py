"""What the fields of faults and settings are called, and the help below them. A test fails for one left out here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from syncengine.sandbox.declarations import Kind
from syncengine.sandbox.faults import PlugIn, Rule, Switches
from syncengine.sandbox.limits import Limits
from syncengine.sandbox.registry import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """`choices` are the values that a field takes, with their words; `usual` those that a new row begins with.

    `group` is the heading that it stands under; `only` the kind of sandbox that has it.
    What is hidden is set elsewhere.
    """

    label: str
    help: str = ""
    group: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    usual: tuple[str, ...] = ()
    only: Kind | None = None
    is_hidden: bool = False


HIDDEN = Wording(label="", is_hidden=True)
_OPERATIONS = {"create": "Creates", "update": "Updates", "delete": "Deletes"}
_WRITES = ("create", "update")
_SLOW, _REFUSING, _AWAY = "Slow or busy", "Sign-in", "Away or cut off"
_TOLD, _ROWS = "What subscribers are told", "Rules and plug-ins"
_WHAT, _BEHAVES, _LIMITS = "The environment", "How the service behaves", "Service protection"

SWITCHES = {
    "rules": Wording(
        label="Business rules",
        help="Rows that match are refused with the message. Without a column every row of the table is.",
        group=_ROWS,
    ),
    "plug_ins": Wording(
        label="Plug-ins",
        help="Code of the environment that changes a column whenever a row is written, so that an echo is not what was"
        " sent.",
        group=_ROWS,
    ),
    "latency_s": Wording(label="Each call waits (seconds)", group=_SLOW),
    "jitter_s": Wording(label="and up to so much longer (seconds)", help="At random, call by call.", group=_SLOW),
    "throttle": Wording(label="Refuse the next calls as too many", help="Number of calls answered 429.", group=_SLOW),
    "load_percent": Wording(
        label="Refuse a share of all calls as too many (percent)", help="Spread evenly, answered 429.", group=_SLOW
    ),
    "retry_after_s": Wording(
        label="Ask to wait (seconds)", help="What a refused call is told in Retry-After.", group=_SLOW
    ),
    "bad_gateway": Wording(
        label="Answer the next calls with a gateway's page", help="Number of calls answered 502 in HTML.", group=_AWAY
    ),
    "drop_before": Wording(
        label="Cut the next writes off before they are done", help="Number of writes. Nothing is stored.", group=_AWAY
    ),
    "drop_after": Wording(
        label="Cut the next writes off after they are done",
        help="Number of writes. All is stored, the answer is lost.",
        group=_AWAY,
    ),
    "is_read_only": Wording(label="Read-only", help="All writes of rows are refused.", group=_AWAY),
    "is_down": Wording(label="Down", help="Every call is answered 503.", group=_AWAY),
    "down_s": Wording(label="Down for so long (seconds)", help="From now on; then it is back by itself.", group=_AWAY),
    "refuses_tokens": Wording(label="Refuse to sign clients in", group=_REFUSING),
    "expire_tokens_after": Wording(
        label="Let tokens expire after so many calls",
        help="Parts of a batch count, so that a token can run out in the middle of one.",
        group=_REFUSING,
    ),
    "is_silent": Wording(label="Tell nobody", help="All notifications are lost.", group=_TOLD),
    "drop_every": Wording(label="Lose one notification in every", help="0: lose none.", group=_TOLD),
    "double_every": Wording(label="Send one notification twice in every", help="0: none twice.", group=_TOLD),
    "shuffle_s": Wording(
        label="Keep every other notification back (seconds)",
        help="Those behind it come first: out of order.",
        group=_TOLD,
    ),
}
RULE = {
    "table": Wording(label="Table", help="Leave empty to take the rule away."),
    "column": Wording(label="Column"),
    "pattern": Wording(label="Pattern", help="Compared with the column's text, * stands for anything."),
    "message": Wording(label="Message"),
    "operations": Wording(label="Applies to", choices=_OPERATIONS, usual=_WRITES),
    "count": Wording(label="Rows still to refuse", help="Empty: all."),
}
PLUG_IN = {
    "table": Wording(label="Table", help="Leave empty to take the plug-in away."),
    "column": Wording(label="Column"),
    "value": Wording(label="Value that it sets"),
    "suffix": Wording(label="or text that it adds behind"),
    "is_after": Wording(label="Writes a second time, with an event of its own"),
    "operations": Wording(label="Applies to", choices=_OPERATIONS, usual=_WRITES),
}
SETTINGS = {
    "tenant_id": Wording(label="Tenant", help="A part of the address where clients sign in.", group=_WHAT),
    "environment_id": HIDDEN,
    "organization_id": HIDDEN,
    "clients": HIDDEN,
    "version": Wording(label="Version", group=_WHAT),
    "build": Wording(label="Build", group=_WHAT),
    "data_centre": Wording(label="Data centre", help="Such as europe or unitedstates.", group=_WHAT),
    "is_trial": Wording(label="Trial environment", group=_WHAT),
    "default_company": Wording(
        label="Default company",
        help="Rows that name no company belong to it, lists without cross-company hold its rows. Empty: the first one.",
        group=_WHAT,
        only=Kind.FINOPS,
    ),
    "token_lifetime_s": Wording(label="Tokens count for (seconds)", group=_BEHAVES),
    "tokens_valid_from": HIDDEN,
    "delta_lifetime_s": Wording(label="Delta tokens count for (seconds)", group=_BEHAVES, only=Kind.DATAVERSE),
    "refuses_with_500": Wording(
        label="Rules refuse with status 500",
        help="Builds differ: a rule's refusal is 400 or 500.",
        group=_BEHAVES,
        only=Kind.FINOPS,
    ),
    "refuses_old_tokens_with_410": Wording(
        label="Expired delta tokens are refused with status 410",
        help="Else with 400.",
        group=_BEHAVES,
        only=Kind.DATAVERSE,
    ),
    "has_opaque_skip_tokens": Wording(
        label="Skip tokens are opaque", help="Else they are cookies in XML.", group=_BEHAVES, only=Kind.DATAVERSE
    ),
    "takes_bare_line_feeds": Wording(
        label="Batches may end lines with a bare line feed", help="Else only with CR LF.", group=_BEHAVES
    ),
    "needs_content_ids": Wording(label="Parts of a change set need a Content-ID", group=_BEHAVES),
    "webhook_time_limit_s": Wording(label="Receivers of notifications have (seconds)", group=_BEHAVES),
    "max_page_rows": Wording(
        label="Largest page (rows)", help="Older builds had 1,000.", group=_BEHAVES, only=Kind.FINOPS
    ),
    "forbidden_sets": Wording(
        label="Tables that clients may not use", help="Set names with commas between.", group=_BEHAVES, only=Kind.FINOPS
    ),
    "throttled_body": Wording(
        label="What a call too many is answered with",
        choices={
            "error": "An error in JSON",
            "message": "A message in JSON",
            "html": "A page in HTML",
            "empty": "Nothing",
        },
        group=_BEHAVES,
        only=Kind.FINOPS,
    ),
    "sends_retry_after": Wording(label="A call too many is told how long to wait", group=_BEHAVES, only=Kind.FINOPS),
    "nests_failed_change_sets": Wording(
        label="A failed change set is answered by a multipart of its own", group=_BEHAVES, only=Kind.FINOPS
    ),
    "max_endpoints": Wording(label="Most endpoints for one event and company", group=_BEHAVES, only=Kind.FINOPS),
    "data_event_names": Wording(
        label="Data events are named after",
        choices={"mserp": "The virtual table (mserp_…)", "on_external": "The event (OnExternal…)"},
        group=_BEHAVES,
        only=Kind.FINOPS,
    ),
    "data_event_scale": Wording(
        label="Limits of data events are smaller by the factor", group=_BEHAVES, only=Kind.FINOPS
    ),
    "drops_data_events": Wording(
        label="Data events over the limits are lost", help="Else they come late.", group=_BEHAVES, only=Kind.FINOPS
    ),
    "package_wait_s": Wording(
        label="An import of a package takes at least (seconds)", group=_BEHAVES, only=Kind.FINOPS
    ),
    "blob_lifetime_s": Wording(
        label="The address of a package's file counts for (seconds)", group=_BEHAVES, only=Kind.FINOPS
    ),
    "table_changes": HIDDEN,  # what clients have changed of the tables
    "limits": Wording(label="Limits", help="For each user, within a sliding window.", group=_LIMITS),
    "is_secure": HIDDEN,  # a page cannot close the port that it is answered on
    "signing_key": HIDDEN,
    "user_name": HIDDEN,
    "password": HIDDEN,
}
LIMITS = {
    "requests": Wording(label="Calls in the window", help="0: no limit."),
    "execution_s": Wording(label="Execution time in the window (seconds)", help="0: no limit."),
    "concurrency": Wording(label="Calls at once", help="0: no limit."),
    "window_s": Wording(label="Length of the window (seconds)"),
    "scale": Wording(label="Smaller by the factor", help="Window and limits alike, so that waits get short."),
}
WORDING: Mapping[type[msgspec.Struct], Mapping[str, Wording]] = {
    Switches: SWITCHES,
    Rule: RULE,
    PlugIn: PLUG_IN,
    Settings: SETTINGS,
    Limits: LIMITS,
}


def of(struct: type[msgspec.Struct], name: str) -> Wording:
    """The field's wording; its name alone where it has none yet."""
    return WORDING.get(struct, {}).get(name) or Wording(label=name)
