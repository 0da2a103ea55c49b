"""A PostgreSQL database with the tables of the contract suite.

What the suite expects of a service, the database does by itself: keys are taken without regard to letter case by an
index, names lose trailing blanks by a trigger, and rules that refuse rows are another one.
"""

import psycopg

from syncengine.connectors import connect
from syncengine.connectors.base import Settings
from tests.contracts.world import World

TABLES = """
CREATE TYPE kind AS ENUM ('None', 'One', 'Two');
CREATE TABLE contractgroups (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    code varchar(40) NOT NULL UNIQUE,
    name varchar(100)
);
CREATE TABLE contractthings (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    code varchar(40) NOT NULL UNIQUE,
    name varchar(100),
    note text,
    amount numeric(30, 4),
    quantity integer,
    day date,
    moment timestamptz,
    flag boolean,
    kind kind,
    groupref uuid REFERENCES contractgroups
);
CREATE UNIQUE INDEX ON contractthings (lower(code));
CREATE TABLE rules (pattern text, message text);
CREATE FUNCTION keep_rules() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    said text := (SELECT message FROM public.rules WHERE pattern = NEW.name LIMIT 1);
BEGIN
    IF said IS NOT NULL THEN
        RAISE EXCEPTION '%', said;
    END IF;
    NEW.name := rtrim(NEW.name);
    RETURN NEW;
END $$;
CREATE TRIGGER keep_rules BEFORE INSERT OR UPDATE ON contractthings FOR EACH ROW EXECUTE FUNCTION keep_rules();
"""


def make_tables(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLES)


def postgres_world(url: str) -> World:
    connector = connect(Settings(kind="postgres", name="contract postgres", base_url=url))
    catalog = connector.catalog(["public.contractgroups", "public.contractthings"])
    groups, things = catalog.table("public.contractgroups"), catalog.table("public.contractthings")
    assert groups is not None
    assert things is not None

    def execute(statement: str, *values: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement, values)

    return World(
        connector=connector,
        things=things,
        groups=groups,
        has_natural_ids=False,
        flag=True,
        kind="One",
        other_kind="Two",
        wrong_kind="Seven",
        refuse=lambda column, value, message: execute("INSERT INTO rules VALUES (%s, %s)", value, message),
        lift=lambda: execute("TRUNCATE rules"),
    )
