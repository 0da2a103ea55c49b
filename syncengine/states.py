"""States, the moves between them, and the names of the two sides."""

from enum import StrEnum


class Side(StrEnum):
    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> "Side":
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class MapState(StrEnum):
    NOT_RUNNING = "not running"  # nothing is recorded
    INITIALIZING = "initializing"  # initial sync; changes are recorded and wait
    RUNNING = "running"  # live sync
    PAUSED = "paused"  # changes are recorded and wait
    RESUMING = "resuming"  # the changes that waited are synced; becomes running when none is left


RECORDING = frozenset({MapState.INITIALIZING, MapState.RUNNING, MapState.PAUSED, MapState.RESUMING})
TAKING = frozenset({MapState.RUNNING, MapState.RESUMING})

MAP_MOVES: dict[MapState, frozenset[MapState]] = {
    MapState.NOT_RUNNING: frozenset({MapState.INITIALIZING, MapState.RUNNING}),
    MapState.INITIALIZING: frozenset({MapState.RUNNING, MapState.PAUSED, MapState.NOT_RUNNING}),
    MapState.RUNNING: frozenset({MapState.PAUSED, MapState.NOT_RUNNING, MapState.INITIALIZING}),
    MapState.PAUSED: frozenset({MapState.RESUMING, MapState.RUNNING, MapState.NOT_RUNNING, MapState.INITIALIZING}),
    MapState.RESUMING: frozenset({MapState.RUNNING, MapState.PAUSED, MapState.NOT_RUNNING}),
}


class LinkState(StrEnum):
    LINKED = "linked"
    HALTED = "halted"  # an environment was restored or swapped; a person must look
    UNLINKED = "unlinked"


class RunState(StrEnum):
    WAITING = "waiting"  # an earlier map of the run is not done
    RUNNING = "running"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed with errors"  # some rows were set aside as sync errors
    FAILED = "failed"
    CANCELLED = "cancelled"


RUN_ACTIVE = frozenset({RunState.WAITING, RunState.RUNNING})
RUN_TERMINAL = frozenset(RunState) - RUN_ACTIVE


class ChangeState(StrEnum):
    READY = "ready"  # taken when due
    PARKED = "parked"  # a sync error stands for it; a new change or a person wakes it
    WAITING = "waiting"  # for a parent's binding


class Operation(StrEnum):
    UPSERT = "upsert"  # the row is there: created or changed, the fetch tells
    DELETE = "delete"  # proven: a delete event, a tombstone or a completed comparison
    RECHECK = "recheck"  # look again at both sides (retry, refused precondition)


class BindingState(StrEnum):
    BOUND = "bound"
    CREATING = "creating"  # a create was sent whose answer we do not have yet
    UNLINKED = "unlinked"  # the pair is remembered, nothing flows
    DELETED = "deleted"  # gone on both sides; kept 30 days against late events


class ErrorState(StrEnum):
    OPEN = "open"
    RESOLVED = "resolved"
    DISMISSED = "dismissed"


class DeletePolicy(StrEnum):
    DELETE = "delete"
    UNLINK = "unlink"  # keep the other row, forget the pair
    IGNORE = "ignore"


class AlertAction(StrEnum):
    NONE = "none"
    PAUSE = "pause"
    STOP = "stop"
