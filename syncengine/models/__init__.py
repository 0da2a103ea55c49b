"""The portal's tables. Rows that people decide on are Django models; the hot tables (journal, bindings) are read and
written by `syncengine.repository` in sets and are Django models only so that pages can list them."""

from syncengine.models.activity import Activity
from syncengine.models.alerts import AlertRule, Notification
from syncengine.models.capture import CaptureCursor
from syncengine.models.environments import Environment, SchemaDrift, StoredCatalog
from syncengine.models.journal import Binding, Change
from syncengine.models.links import Lane, Link, LinkCompany
from syncengine.models.maps import EntityMap, MapVersion
from syncengine.models.outcomes import Conflict, StoredSyncError, Throughput
from syncengine.models.runs import Run, RunLeg, RunMap

__all__ = [
    "Activity",
    "AlertRule",
    "Binding",
    "CaptureCursor",
    "Change",
    "Conflict",
    "EntityMap",
    "Environment",
    "Lane",
    "Link",
    "LinkCompany",
    "MapVersion",
    "Notification",
    "Run",
    "RunLeg",
    "RunMap",
    "SchemaDrift",
    "StoredCatalog",
    "StoredSyncError",
    "Throughput",
]
