"""Leases: who may work on a lane, a run or an environment's capture, by the portal database's clock.

A new holder raises the token; whoever settles names the token it holds, and nothing is settled when a newer one
exists. A holder that hangs therefore cannot settle after its lease ran out and was given away.
"""

from psycopg.sql import SQL

from syncengine.errors import LeaseLostError
from syncengine.repository.rows import Database, execute

LEASE_S = 30


def acquire_lane(conn: Database, lane_id: int, owner: str) -> int | None:
    """The token of the lease, or None while somebody else holds it, and where the link is unlinked."""
    statement = SQL(
        "UPDATE syncengine_lane SET token = token + 1, owner = %s, until = clock_timestamp() + %s * interval '1 s'"
        " WHERE id = %s AND until < clock_timestamp()"
        " AND EXISTS (SELECT FROM syncengine_link l WHERE l.id = link_id AND l.state <> 'unlinked') RETURNING token"
    )
    row = conn.execute(statement, (owner, LEASE_S, lane_id)).fetchone()
    return int(row[0]) if row else None


def hold_lane(conn: Database, lane_id: int, token: int) -> None:
    """Lengthens the lease; in a settling transaction it is also the fence.

    Raises: LeaseLostError when another holder has taken the lane, or its link was unlinked.
    """
    statement = SQL(
        "UPDATE syncengine_lane SET until = clock_timestamp() + %s * interval '1 s' WHERE id = %s AND token = %s"
    )
    if not execute(conn, statement, (LEASE_S, lane_id, token)):
        raise LeaseLostError("Another worker took over this lane, or its link was unlinked. Nothing was settled here.")


def release_lane(conn: Database, lane_id: int, token: int) -> None:
    execute(
        conn, SQL("UPDATE syncengine_lane SET until = clock_timestamp() WHERE id = %s AND token = %s"), (lane_id, token)
    )


def revoke_lanes(conn: Database, link_id: int) -> None:
    """Takes every lane of a link away from whoever works on it: nothing more is written or settled there."""
    execute(
        conn,
        SQL("UPDATE syncengine_lane SET token = token + 1, until = clock_timestamp() WHERE link_id = %s"),
        (link_id,),
    )


def acquire_run(conn: Database, run_id: int, owner: str) -> int | None:
    """The token of the lease on a run that is not over, or None while somebody else holds it."""
    statement = SQL(
        "UPDATE syncengine_run SET token = token + 1, owner = %s, until = clock_timestamp() + %s * interval '1 s'"
        " WHERE id = %s AND state = 'running' AND until < clock_timestamp() RETURNING token"
    )
    row = conn.execute(statement, (owner, LEASE_S, run_id)).fetchone()
    return int(row[0]) if row else None


def hold_run(conn: Database, run_id: int, token: int) -> None:
    """Lengthens the lease; in a settling transaction it is also the fence.

    Raises: LeaseLostError when another holder has taken the run, or a person ended it.
    """
    statement = SQL(
        "UPDATE syncengine_run SET until = clock_timestamp() + %s * interval '1 s'"
        " WHERE id = %s AND token = %s AND state = 'running'"
    )
    if not execute(conn, statement, (LEASE_S, run_id, token)):
        raise LeaseLostError("Another worker took over this run, or it was ended. Nothing was settled here.")


def release_run(conn: Database, run_id: int, token: int) -> None:
    execute(
        conn, SQL("UPDATE syncengine_run SET until = clock_timestamp() WHERE id = %s AND token = %s"), (run_id, token)
    )


def acquire_capture(conn: Database, environment_id: int, owner: str) -> bool:
    """Whether this process may capture the environment for the next half minute."""
    statement = SQL(
        "UPDATE syncengine_environment SET capture_owner = %s, capture_until = clock_timestamp() + %s * interval '1 s'"
        " WHERE id = %s AND (capture_until < clock_timestamp() OR capture_owner = %s)"
    )
    return execute(conn, statement, (owner, LEASE_S, environment_id, owner)) > 0
