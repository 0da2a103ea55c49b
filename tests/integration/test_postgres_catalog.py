"""What the catalog of a PostgreSQL database says, and that no name can harm."""

from collections.abc import Callable

import pytest
from psycopg import sql

from syncengine.catalog import ColumnType, Reference
from syncengine.errors import CatalogError
from syncengine.frames import RECORD, ROW_ID
from tests.integration.databases import Side

HOSTILE = [
    'a"b',
    "a'b; DROP TABLE x; --",
    "a.b c",
    "%s %(x)s %%",
    "{x} {}",
    "Ünï 你好 😀",
    "select",
    "x" * 63,
    "\\",
    "$body$",
    "new\nline",
]


def test_tables_without_a_key_and_systems_own_are_left_out(side: Side) -> None:
    side.run(
        "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int); CREATE TABLE c (id int UNIQUE);"
        "CREATE TABLE d (id int NOT NULL UNIQUE); CREATE VIEW e AS SELECT * FROM a; CREATE SCHEMA s;"
        "CREATE TABLE s.a (id int PRIMARY KEY); CREATE UNIQUE INDEX ON b (id) WHERE id > 0;"
        "CREATE TABLE f (id int PRIMARY KEY) PARTITION BY HASH (id);"
        "CREATE TABLE f1 PARTITION OF f FOR VALUES WITH (MODULUS 1, REMAINDER 0)"
    )
    side.start("public.a")
    assert [table.name for table in side.connector.catalog().tables] == ["public.a", "public.d", "public.f", "s.a"]


def test_columns_say_type_length_and_whether_they_must_be_given(side: Side) -> None:
    side.run(
        "CREATE DOMAIN code AS varchar(7) NOT NULL; CREATE DOMAIN short AS code CHECK (length(VALUE) < 5);"
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a short, b text DEFAULT 'x' NOT NULL,"
        " c numeric(8,3) NOT NULL, d int GENERATED ALWAYS AS (1) STORED, _version int, e char(3), f serial)"
    )
    side.run("COMMENT ON TABLE t IS E'Things\\nof all kinds'; COMMENT ON COLUMN t.c IS 'Cost'")
    table = side.table("public.t")
    facts = {
        column.name: (column.type.value, column.max_length, column.scale, column.is_required, column.is_read_only)
        for column in table.columns
    }
    assert facts == {
        "id": ("integer", None, None, False, True),
        "a": ("text", 7, None, True, False),
        "b": ("text", None, None, False, False),
        "c": ("decimal", None, 3, True, False),
        "d": ("integer", None, None, False, True),
        "e": ("text", 3, None, False, False),
        "f": ("integer", None, None, False, False),
    }
    assert (table.label, table.by_name["c"].label) == ("Things", "Cost")


def test_keys_and_references_are_told(side: Side) -> None:
    side.run(
        "CREATE TABLE sites (region text, code text, PRIMARY KEY (region, code));"
        "CREATE TABLE people (id uuid PRIMARY KEY, email text UNIQUE, boss uuid REFERENCES people);"
        "CREATE TABLE jobs (id serial PRIMARY KEY, region text, site text, person uuid REFERENCES people,"
        " email text REFERENCES people (email), parent int REFERENCES jobs,"
        " FOREIGN KEY (region, site) REFERENCES sites)"
    )
    jobs, people = side.table("public.jobs"), side.table("public.people")
    assert [key.columns for key in people.keys] == [("email",), ("id",)]
    assert (people.id_column, jobs.id_column, jobs.keys[0].columns) == ("id", "", ("id",))
    lookups = {column.name: column.targets for column in jobs.columns if column.type is ColumnType.LOOKUP}
    assert lookups == {"person": ("public.people",), "parent": ("public.jobs",)}
    assert people.by_name["boss"].targets == ("public.people",)
    region = Reference(columns=("region", "site"), target_table="public.sites", target_columns=("region", "code"))
    assert region in jobs.references
    assert len(jobs.references) == 4


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_read_written_and_captured(side: Side, name: str) -> None:
    identifier = sql.Identifier(name)
    side.other.execute(
        sql.SQL("CREATE SCHEMA {0}; CREATE TABLE {0}.{0} ({0} text PRIMARY KEY, {1} serial, t text)").format(
            identifier, sql.Identifier("n" + name[:60])
        )
    )
    full = f"{name}.{name}"
    cursor = side.start(full)
    other = "n" + name[:60]
    for is_load in (False, True):
        key = f"k{is_load}"
        outcome = side.write(full, creates=[{name: key, "t": "x"}], stored=[name, other], is_load=is_load)
        assert outcome.refused.rows() == []
        assert outcome.written.select(ROW_ID, name).row(0) == (key, key)
    updates = [{"_row_id": "kTrue", "_changed": ["t"], "t": "y"}, {"_row_id": "k?", "_changed": ["t"], "t": "z"}]
    assert side.write(full, updates=updates, stored=["t"]).written[RECORD].to_list() == [0]
    assert side.events(full, cursor) == {"kFalse": "upsert", "kTrue": "upsert"}
    assert [row["t"] for row in side.rows(full, "t")] == ["x", "y"]
    made = side.connector.subscribe([side.table(full)], url="", secret="", columns={})
    side.connector.unsubscribe(made)
    assert side.run("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal") == []


def test_altered_table_is_seen_over_the_same_connection(make_side: Callable[..., Side]) -> None:
    side = make_side("CREATE TABLE t (id int PRIMARY KEY, old text)")
    table = side.table("public.t")
    side.rows("public.t", "old")
    side.run("ALTER TABLE t ADD name text; INSERT INTO t VALUES (1, 'x', 'a')")
    assert [row["name"] for row in side.rows("public.t", "name")] == ["a"]
    side.run("ALTER TABLE t DROP old")
    for _ in range(2):
        with pytest.raises(CatalogError, match="old"):
            side.connector.fetch(table, columns=["old"], row_ids=["1"])
