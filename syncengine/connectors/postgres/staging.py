"""A part's rows in a temporary table, which goes with the transaction."""

from psycopg import sql

from syncengine.connectors.postgres.parts import Part
from syncengine.connectors.postgres.session import Database


def stage(database: Database, part: Part) -> sql.Composed:
    """The rows as the table `d`, whose columns are all text."""
    table = staged(part)
    columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in part.rows.columns)
    name = sql.Identifier(f"twofold_{part.action.lower()}")
    database.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(name, columns))
    with database.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN (FORMAT csv)").format(table)) as copy:
        copy.write(part.rows.write_csv(include_header=False))
    return sql.SQL("{} AS d").format(table)


def staged(part: Part) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"twofold_{part.action.lower()}")
