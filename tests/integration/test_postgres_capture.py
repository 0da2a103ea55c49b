"""What the change log of a captured table tells: each clause of the trigger set."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from syncengine.errors import CursorExpiredError, PermanentError
from tests.integration.databases import Side

THINGS = "CREATE TABLE things (id int PRIMARY KEY, name text);"
ORDERS = """
CREATE TABLE orders (id int PRIMARY KEY, name text);
CREATE TABLE lines (id int PRIMARY KEY, order_id int REFERENCES orders ON DELETE CASCADE, name text);
INSERT INTO orders VALUES (1, 'a'); INSERT INTO lines VALUES (10, 1, 'x'), (11, 1, 'y');
"""
PARTED = """
CREATE TABLE parted (id int, region text, name text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
CREATE TABLE parted_north PARTITION OF parted FOR VALUES IN ('north');
CREATE TABLE parted_south PARTITION OF parted FOR VALUES IN ('south');
"""


@pytest.fixture
def things(make_side: Callable[..., Side]) -> Side:
    return make_side(THINGS)


def test_statement_of_many_rows_is_told_row_by_row(things: Side) -> None:
    cursor = things.start("public.things")
    things.run("INSERT INTO things SELECT n, 'x' FROM generate_series(1, 100) n")
    assert things.events("public.things", cursor) == {str(n): "upsert" for n in range(1, 101)}


def test_changed_key_is_a_delete_and_a_new_row(things: Side) -> None:
    things.run("INSERT INTO things VALUES (1, 'a'), (2, 'b')")
    cursor = things.start("public.things")
    things.run("UPDATE things SET id = 7 WHERE id = 1")
    assert things.events("public.things", cursor) == {"1": "delete", "7": "upsert"}


def test_changed_key_is_logged_as_a_pair(things: Side) -> None:
    things.run("INSERT INTO things VALUES (1, 'a')")
    things.start("public.things")
    things.run("UPDATE things SET id = 7")
    (log,) = things.run("SELECT tablename FROM pg_tables WHERE schemaname = 'twofold' AND tablename LIKE 'log%'")[0]
    query = sql.SQL("SELECT key, new_key FROM twofold.{} WHERE operation = 'k'").format(sql.Identifier(log))
    assert things.other.execute(query).fetchall() == [(["1"], ["7"])]


def test_keys_that_move_on_by_one_tell_only_the_vanished_one(make_side: Callable[..., Side]) -> None:
    side = make_side("CREATE TABLE things (id int PRIMARY KEY DEFERRABLE, code int NOT NULL UNIQUE)")
    side.run("ALTER TABLE things DROP CONSTRAINT things_pkey")
    side.run("INSERT INTO things VALUES (1, 10), (2, 20)")
    cursor = side.start("public.things")
    side.run("UPDATE things SET code = code + 10 WHERE code = 20; UPDATE things SET code = code + 10 WHERE code = 10")
    assert side.events("public.things", cursor) == {"10": "delete", "20": "upsert", "30": "upsert"}


def test_deleted_and_made_again_is_there(things: Side) -> None:
    things.run("INSERT INTO things VALUES (1, 'a')")
    cursor = things.start("public.things")
    things.run("DELETE FROM things")
    things.run("INSERT INTO things VALUES (1, 'b')")
    assert things.events("public.things", cursor) == {"1": "upsert"}


def test_own_write_is_left_out_and_that_of_others_told(things: Side) -> None:
    cursor = things.start("public.things")
    things.write("public.things", creates=[{"id": 1, "name": "ours"}], mark="twofold")
    things.run("INSERT INTO things VALUES (2, 'theirs')")
    assert things.events("public.things", cursor) == {"2": "upsert"}


def test_own_updates_and_deletes_are_left_out(things: Side) -> None:
    things.run("INSERT INTO things VALUES (1, 'a'), (2, 'b')")
    cursor = things.start("public.things")
    update = {"_row_id": "1", "_changed": ["name"], "name": "x"}
    things.write("public.things", updates=[update], deletes=[{"_row_id": "2"}], mark="twofold")
    assert things.events("public.things", cursor) == {}
    assert things.run("SELECT * FROM things") == [(1, "x")]


def test_cascade_of_our_own_delete_is_told(make_side: Callable[..., Side]) -> None:
    side = make_side(ORDERS)
    orders, lines = side.start("public.orders"), side.start("public.lines")
    side.write("public.orders", deletes=[{"_row_id": "1"}], mark="twofold")
    assert side.events("public.orders", orders) == {}
    assert side.events("public.lines", lines) == {"10": "delete", "11": "delete"}


def test_application_trigger_inside_our_own_write_is_told(make_side: Callable[..., Side]) -> None:
    side = make_side(
        ORDERS + "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE public.orders SET name = name || '!' WHERE id <> NEW.id;"
        " INSERT INTO public.lines VALUES (NEW.id * 10, NEW.id, 'made'); RETURN NULL; END $$;"
        "CREATE TRIGGER touch AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION touch()"
    )
    orders, lines = side.start("public.orders"), side.start("public.lines")
    side.write("public.orders", creates=[{"id": 2, "name": "b"}], mark="twofold")
    assert side.events("public.orders", orders) == {"1": "upsert"}
    assert side.events("public.lines", lines) == {"20": "upsert"}


def test_partition_named_directly_is_told(make_side: Callable[..., Side]) -> None:
    side = make_side(PARTED)
    cursor = side.start("public.parted")
    side.run("INSERT INTO parted VALUES (1, 'north', 'a')")
    side.run("INSERT INTO parted_south VALUES (2, 'south', 'b')")
    assert side.events("public.parted", cursor) == {"north|1": "upsert", "south|2": "upsert"}


def test_row_that_moves_to_another_partition_is_told_with_both_keys(make_side: Callable[..., Side]) -> None:
    side = make_side(PARTED + "INSERT INTO parted VALUES (1, 'north', 'a')")
    cursor = side.start("public.parted")
    side.run("UPDATE parted SET region = 'south'")
    assert side.events("public.parted", cursor) == {"north|1": "delete", "south|1": "upsert"}


def test_new_empty_partition_is_captured_with_the_next_poll(make_side: Callable[..., Side]) -> None:
    side = make_side(PARTED)
    cursor = side.start("public.parted")
    side.run("CREATE TABLE parted_west PARTITION OF parted FOR VALUES IN ('west')")
    assert side.events("public.parted", cursor) == {}
    side.run("INSERT INTO parted_west VALUES (1, 'west', 'a')")
    assert side.events("public.parted", cursor) == {"west|1": "upsert"}


def test_attached_partition_with_rows_has_to_be_compared(make_side: Callable[..., Side]) -> None:
    side = make_side(PARTED)
    cursor = side.start("public.parted")
    side.run(
        "CREATE TABLE west (id int NOT NULL, region text NOT NULL, name text); INSERT INTO west VALUES (1, 'west', 'a')"
    )
    side.run("ALTER TABLE parted ATTACH PARTITION west FOR VALUES IN ('west')")
    with pytest.raises(CursorExpiredError, match="partition"):
        side.events("public.parted", cursor)


def test_truncate_has_to_be_compared(things: Side) -> None:
    things.run("INSERT INTO things VALUES (1, 'a')")
    cursor = things.start("public.things")
    things.run("TRUNCATE things")
    with pytest.raises(CursorExpiredError, match="emptied"):
        things.events("public.things", cursor)
    again = things.start("public.things")
    things.run("INSERT INTO things VALUES (2, 'b')")
    assert things.events("public.things", again) == {"2": "upsert"}


def test_row_that_replication_applies_is_told(things: Side) -> None:
    """The apply worker runs under this role setting, in which ordinary triggers stay silent."""
    things.run("INSERT INTO things VALUES (1, 'a'), (2, 'b')")
    cursor = things.start("public.things")
    admin = things.admin()
    admin.execute("SET session_replication_role = replica")
    admin.execute("INSERT INTO things VALUES (3, 'c')")
    admin.execute("UPDATE things SET id = 4 WHERE id = 1")
    admin.execute("DELETE FROM things WHERE id = 2")
    assert things.events("public.things", cursor) == {"3": "upsert", "1": "delete", "4": "upsert", "2": "delete"}


def test_caller_without_rights_may_change_a_captured_table(things: Side) -> None:
    cursor = things.start("public.things")
    admin = things.admin()
    admin.execute("DROP ROLE IF EXISTS nobody_special")
    admin.execute("CREATE ROLE nobody_special")
    admin.execute("GRANT INSERT ON things TO nobody_special")
    admin.execute("SET ROLE nobody_special")
    admin.execute("INSERT INTO things VALUES (1, 'a')")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        admin.execute("SELECT * FROM twofold.captured")
    admin.execute("RESET ROLE")
    admin.execute("DROP OWNED BY nobody_special; DROP ROLE nobody_special")
    assert things.events("public.things", cursor) == {"1": "upsert"}


def test_transaction_that_commits_late_is_told_with_the_next_poll(things: Side) -> None:
    cursor = things.start("public.things")
    with psycopg.connect(things.url) as slow:
        slow.execute("INSERT INTO things VALUES (1, 'slow')")
        things.run("INSERT INTO things VALUES (2, 'quick')")
        first = things.connector.poll(things.table("public.things"), columns=[], cursor=cursor)
        assert first.events["row_id"].to_list() == ["2"]
        slow.commit()
    assert things.events("public.things", first.cursor) == {"1": "upsert"}


def test_transaction_that_rolls_back_is_not_told(things: Side) -> None:
    cursor = things.start("public.things")
    with psycopg.connect(things.url) as undone:
        undone.execute("INSERT INTO things VALUES (1, 'x')")
        undone.rollback()
    assert things.events("public.things", cursor) == {}


def test_log_beyond_its_limit_has_to_be_compared(make_side: Callable[..., Side]) -> None:
    side = make_side(THINGS, log_limit_mb="1")
    cursor = side.start("public.things")
    for start in range(0, 60_000, 20_000):
        side.run(f"INSERT INTO things SELECT n, 'x' FROM generate_series({start}, {start + 19_999}) n")
    with pytest.raises(CursorExpiredError, match="limit"):
        side.events("public.things", cursor)
    again = side.start("public.things")
    side.run("INSERT INTO things VALUES (-1, 'a')")
    assert side.events("public.things", again) == {"-1": "upsert"}


def test_log_is_trimmed_behind_the_cursor(things: Side) -> None:
    first = things.start("public.things")
    things.run("INSERT INTO things VALUES (1, 'a')")
    second = things.connector.poll(things.table("public.things"), columns=[], cursor=first).cursor
    things.run("INSERT INTO things VALUES (2, 'b')")
    assert things.events("public.things", second) == {"2": "upsert"}
    with pytest.raises(CursorExpiredError, match="deleted"):
        things.events("public.things", first)


def test_pages_of_one_poll_bring_every_row(things: Side) -> None:
    cursor = things.start("public.things")
    things.run("INSERT INTO things SELECT n, 'x' FROM generate_series(1, 25000) n")
    found: list[str] = []
    for _ in range(3):
        poll = things.connector.poll(things.table("public.things"), columns=[], cursor=cursor)
        found, cursor = found + poll.events["row_id"].to_list(), poll.cursor
    assert (sorted(map(int, found)), poll.has_more) == (list(range(1, 25_001)), False)


def test_change_wakes_who_listens(things: Side) -> None:
    things.start("public.things")
    assert things.connector.changes_waiting(0.01) == set()
    things.run("INSERT INTO things VALUES (1, 'a')")
    assert things.connector.changes_waiting(5) == {"public.things"}


def test_uninstalling_leaves_nothing(make_side: Callable[..., Side]) -> None:
    side = make_side(PARTED + THINGS)
    tables = [side.table("public.parted"), side.table("public.things")]
    made = side.connector.subscribe(tables, url="", secret="", columns={})
    side.connector.unsubscribe(made)
    assert side.run("SELECT FROM pg_namespace WHERE nspname = 'twofold'") == []
    assert side.run("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []
    assert side.run("SELECT FROM pg_proc WHERE pronamespace::regnamespace::text = 'twofold'") == []


def test_one_table_uninstalled_leaves_the_other_captured(make_side: Callable[..., Side]) -> None:
    side = make_side(PARTED + THINGS)
    cursor, gone = side.start("public.parted"), side.start("public.things")
    (subscription,) = side.connector.subscribe([side.table("public.things")], url="", secret="", columns={})
    side.connector.unsubscribe([subscription])
    side.run("INSERT INTO parted VALUES (1, 'north', 'a')")
    assert side.events("public.parted", cursor) == {"north|1": "upsert"}
    with pytest.raises(CursorExpiredError):
        side.events("public.things", gone)


def test_cursor_of_an_earlier_installation_has_expired(things: Side) -> None:
    cursor = things.start("public.things")
    made = things.connector.subscribe([things.table("public.things")], url="", secret="", columns={})
    things.connector.unsubscribe(made)
    things.start("public.things")
    with pytest.raises(CursorExpiredError):
        things.events("public.things", cursor)


def test_renamed_table_stays_captured_until_it_is_captured_anew(things: Side) -> None:
    cursor = things.start("public.things")
    things.run("ALTER TABLE things RENAME TO others; INSERT INTO others VALUES (0, 'a')")
    assert things.events("public.others", cursor) == {"0": "upsert"}
    again = things.start("public.others")
    things.run("INSERT INTO others VALUES (1, 'a')")
    assert things.events("public.others", again) == {"1": "upsert"}
    with pytest.raises(CursorExpiredError):
        things.events("public.others", cursor)
    made = things.connector.subscribe([things.table("public.others")], url="", secret="", columns={})
    things.connector.unsubscribe(made)
    assert things.run("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []


def test_schema_that_was_given_to_us_is_enough(things: Side) -> None:
    admin = things.admin()
    database = psycopg.conninfo.conninfo_to_dict(things.url)["dbname"]
    admin.execute("CREATE SCHEMA twofold AUTHORIZATION twofold")
    admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO postgres").format(sql.Identifier(str(database))))
    cursor = things.start("public.things")
    things.run("INSERT INTO things VALUES (1, 'a')")
    assert things.events("public.things", cursor) == {"1": "upsert"}


def test_limit_that_is_no_number_is_a_named_problem(make_side: Callable[..., Side]) -> None:
    side = make_side(THINGS, log_limit_mb="much")
    with pytest.raises(PermanentError, match="log_limit_mb"):
        side.start("public.things")
