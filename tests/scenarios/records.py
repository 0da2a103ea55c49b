"""What the portal's own database says: states, the journal, sync errors, conflicts. Read only, but for the leases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.stack import Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    stack: Stack

    def ask(self, question: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.stack.database_url, row_factory=dict_row) as connection:
            return connection.execute(question, values).fetchall()

    def number(self, question: str, *values: Any) -> int:
        return int(next(iter(self.ask(question, *values)[0].values())))

    def states(self) -> dict[str, str]:
        """State by map; a map with a problem says so."""
        found = self.ask("SELECT name, state, problem FROM syncengine_entitymap")
        return {one["name"]: f"{one['state']}{': ' if one['problem'] else ''}{one['problem']}" for one in found}

    def has_state(self, names: Iterable[str], state: str) -> bool:
        states = self.states()
        return all(states[name] == state for name in names)

    def waiting(self, names: Sequence[str] = ()) -> int:
        """Changes in the journal, of these maps or of all."""
        return self.number(
            "SELECT count(*) FROM syncengine_change c JOIN syncengine_entitymap m ON m.id = c.map_id"
            " WHERE m.name = ANY(%s) OR %s",
            list(names),
            not names,
        )

    def journal(self) -> list[dict[str, Any]]:
        """What waits, for the text of a failing test."""
        return self.ask(
            "SELECT m.name, c.side, c.row_id, c.operation, c.state, c.attempts, c.waiting_table, c.waiting_key"
            " FROM syncengine_change c JOIN syncengine_entitymap m ON m.id = c.map_id ORDER BY c.id LIMIT 20"
        )

    def open_errors(self) -> list[dict[str, Any]]:
        return self.ask(
            "SELECT m.name, e.side, e.key, e.error_class, e.code, e.message, e.attempts FROM syncengine_syncerror e"
            " JOIN syncengine_entitymap m ON m.id = e.map_id WHERE e.state = 'open' ORDER BY e.id"
        )

    def conflicts(self) -> list[dict[str, Any]]:
        return self.ask(
            "SELECT m.name, c.key, c.left, c.right, c.decisions, c.reason FROM syncengine_conflict c"
            " JOIN syncengine_entitymap m ON m.id = c.map_id"
        )

    def runs(self) -> list[dict[str, Any]]:
        """Each map of the last run, and why it is not over."""
        return self.ask(
            "SELECT m.name, r.state, r.phase, r.message FROM syncengine_runmap r"
            " JOIN syncengine_entitymap m ON m.id = r.map_id"
            " WHERE r.run_id = (SELECT max(id) FROM syncengine_run) ORDER BY r.position"
        )

    def polls(self) -> dict[tuple[str, str], datetime | None]:
        """When each captured table was last asked for changes."""
        found = self.ask(
            "SELECT e.kind, c.table, c.polled_at FROM syncengine_capturecursor c"
            " JOIN syncengine_environment e ON e.id = c.environment_id"
        )
        return {(one["kind"], one["table"]): one["polled_at"] for one in found}

    def leased_until(self) -> datetime | None:
        """When the lane's lease ends; None while nobody has it."""
        found = self.ask("SELECT until FROM syncengine_lane WHERE until > clock_timestamp()")
        return found[0]["until"] if found else None

    def now(self) -> datetime:
        found: datetime = self.ask("SELECT clock_timestamp() AS now")[0]["now"]
        return found

    def expire_leases(self) -> None:
        """As if the half minute of every lease had gone by."""
        with psycopg.connect(self.stack.database_url) as connection:
            connection.execute("UPDATE syncengine_lane SET until = clock_timestamp() - interval '1 s'")
            connection.execute("UPDATE syncengine_run SET until = clock_timestamp() - interval '1 s'")
