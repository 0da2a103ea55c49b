"""The sandboxes: bulk writes, pages, single reads, many clients at once.

python -m benchmarks.sandbox

Seen on two cores, 2026-11-21 (median, and the ratio to the yardstick of the same run): UpsertMultiple of 1,000 rows
159 ms (1.9 x one INSERT … ON CONFLICT), a page of 5,000 rows 121 ms (1.8 x SELECT row_to_json), one row 3.9 ms (3.4 x
the bare server), ten clients at once 82 ms where one takes 55 ms, one row beside a client that writes bulks 6.9 ms.
"""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from psycopg import sql

from benchmarks.figures import Figure, figure, lines, measured
from syncengine.sandbox.origins import open_origin
from syncengine.sandbox.server import Options, SandboxServer
from tests.embedded import plan

TOKEN = "benchmark"
TEXTS = [f"bench_text{number:02}" for number in range(12)]
NUMBERS = [f"bench_number{number:02}" for number in range(6)]
COLUMNS = [*TEXTS, *NUMBERS, "bench_flag", "bench_day"]  # 20
ROWS, PAGE = 1_000, 5_000
CLIENTS = 10
SLOW_S = 0.05

TABLE = {
    "set": "bench_rows",
    "logical": "bench_row",
    "label": "Benchmark row",
    "primary_id": "bench_rowid",
    "primary_name": "bench_text00",
    "keys": [{"name": "bench_key", "columns": ["bench_code"]}],
    "columns": [
        {"name": "bench_code", "type": "text", "length": 40},
        *({"name": name, "type": "text", "length": 100} for name in TEXTS),
        *({"name": name, "type": "decimal", "scale": 2} for name in NUMBERS),
        {"name": "bench_flag", "type": "boolean"},
        {"name": "bench_day", "type": "date"},
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A dataverse sandbox with one table of 20 columns and a key. `database` is where its rows lie."""

    name: str
    api_url: str
    management_url: str
    headers: dict[str, str]
    database: psycopg.Connection[Any]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.api_url, headers=self.headers, trust_env=False, timeout=60)

    def manage(self, method: str, path: str, body: object) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = httpx.request(
            method, f"{self.management_url}/{path}", json=body, headers=headers, trust_env=False, timeout=60
        )
        answer.raise_for_status()
        return answer.json()


@contextmanager
def running() -> Iterator[Sandbox]:
    """A sandbox over a PostgreSQL with the settings of production."""
    services = plan(options={})
    try:
        services.server_url()
        url = services.database_url("twofold_sandbox", "twofold_sandbox")
        server = SandboxServer(Options(database_url=url, token=TOKEN, port=0))
        server.start()
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                yield _made(server.url, connection)
        finally:
            server.stop()
    finally:
        services.stop()


def _made(management_url: str, connection: psycopg.Connection[Any]) -> Sandbox:
    bare = Sandbox(name="Bench", api_url="", management_url=management_url, headers={}, database=connection)
    unlimited = {"limits": {"requests": 0, "execution_s": 0, "concurrency": 0}}
    info = bare.manage("POST", "sandboxes", {"name": bare.name, "kind": "dataverse", "settings": unlimited})
    bare.manage("POST", f"sandboxes/{bare.name}/tables", {"tables": [TABLE]})
    form = {
        "grant_type": "client_credentials",
        "client_id": info["client_id"],
        "client_secret": info["client_secret"],
        "scope": "all",
    }
    token = httpx.post(info["token_url"], data=form, trust_env=False).json()["access_token"]
    return Sandbox(
        name=bare.name,
        api_url=info["api_url"],
        management_url=management_url,
        headers={"Authorization": f"Bearer {token}"},
        database=connection,
    )


def rows(count: int, salt: int) -> list[dict[str, Any]]:
    """Rows of 20 columns; another salt changes all values and no key."""
    texts = {name: f"text {salt} of {name}" for name in TEXTS}
    return [
        {**texts, **dict.fromkeys(NUMBERS, number + salt / 4), "bench_flag": bool(salt % 2), "bench_day": "2026-11-21"}
        for number in range(count)
    ]


def upsert_body(count: int, salt: int) -> bytes:
    kind = "Microsoft.Dynamics.CRM.bench_row"
    targets = [
        {"@odata.type": kind, "@odata.id": f"bench_rows(bench_code='B{number:05}')", **row}
        for number, row in enumerate(rows(count, salt))
    ]
    return json.dumps({"Targets": targets}).encode()


def upsert_many(sandbox: Sandbox, client: httpx.Client) -> tuple[Figure, Figure]:
    bodies = [upsert_body(ROWS, salt) for salt in range(2)]

    def upsert(number: int) -> None:
        answer = client.post(
            "/bench_rows/Microsoft.Dynamics.CRM.UpsertMultiple",
            content=bodies[number % 2],
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 204, answer.text

    found = measured(f"UpsertMultiple, {ROWS} rows x 20 columns", upsert, rounds=15, limit_s=0.25)
    return found, _raw_upsert(sandbox)


def _raw_upsert(sandbox: Sandbox) -> Figure:
    database = sandbox.database
    definitions = [*(f"{name} text" for name in TEXTS), *(f"{name} numeric" for name in NUMBERS)]
    columns = ", ".join([*definitions, "bench_flag boolean", "bench_day date"])
    database.execute(sql.SQL("CREATE TEMP TABLE raw (code text PRIMARY KEY, {})").format(sql.SQL(columns)))
    values = [[[str(row[name]) for row in rows(ROWS, salt)] for name in COLUMNS] for salt in range(2)]
    codes = [f"B{number:05}" for number in range(ROWS)]
    statement = sql.SQL(
        "INSERT INTO raw SELECT * FROM unnest(%s::text[], {}) ON CONFLICT (code) DO UPDATE SET {}"
    ).format(
        sql.SQL(", ").join(
            [*[sql.SQL("%s::text[]")] * 12, *[sql.SQL("%s::numeric[]")] * 6, sql.SQL("%s::bool[], %s::date[]")]
        ),
        sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in COLUMNS),
    )
    return measured(
        "the same rows by one INSERT … ON CONFLICT",
        lambda number: database.execute(statement, [codes, *values[number % 2]]),
        rounds=15,
    )


def read_page(sandbox: Sandbox, client: httpx.Client) -> tuple[Figure, Figure]:
    for start in range(0, PAGE, ROWS):
        targets = [
            {"@odata.type": "Microsoft.Dynamics.CRM.bench_row", "bench_code": f"P{start + number:05}", **row}
            for number, row in enumerate(rows(ROWS, 1))
        ]
        client.post("/bench_rows/Microsoft.Dynamics.CRM.CreateMultiple", json={"Targets": targets}).raise_for_status()
    address = f"/bench_rows?$select={','.join(COLUMNS)}"

    def page(number: int) -> None:
        answer = client.get(address)
        assert answer.content.count(b"@odata.etag") == PAGE

    found = measured(f"a page of {PAGE} rows x 20 columns", page, rounds=15, limit_s=0.25)
    table = sql.Identifier(_schema(sandbox), "bench_rows")
    query = sql.SQL("SELECT row_to_json(r)::text FROM (SELECT {} FROM {} LIMIT {}) r").format(
        sql.SQL(", ").join(map(sql.Identifier, COLUMNS)), table, sql.Literal(PAGE)
    )
    return found, measured(
        "the same rows by SELECT row_to_json",
        lambda _: sandbox.database.execute(query).fetchall(),
        rounds=15,
    )


def _schema(sandbox: Sandbox) -> str:
    row = sandbox.database.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'bench_rows'").fetchone()
    assert row is not None
    return str(row[0])


def get_one(client: httpx.Client, bare: httpx.Client) -> tuple[Figure, Figure]:
    row_id = client.get("/bench_rows?$select=bench_code&$top=1").json()["value"][0]["bench_rowid"]

    def get(number: int) -> None:
        assert client.get(f"/bench_rows({row_id})").status_code == 200

    found = measured("GET of one row", get, rounds=300, limit_s=0.010)
    return found, measured("GET of the same server that only says hello", lambda _: bare.get("/"), rounds=300)


def many_clients(sandbox: Sandbox) -> tuple[Figure, Figure]:
    """All wait at the same time where the sandbox is slow: ten take as long as one."""
    sandbox.manage("PUT", f"sandboxes/{sandbox.name}/faults", {"latency_s": SLOW_S})
    clients = [sandbox.client() for _ in range(CLIENTS)]
    try:
        alone = measured("one client", lambda _: _get(clients[0]), rounds=20)
        with ThreadPoolExecutor(CLIENTS) as threads:
            together = measured(
                f"GET by each of {CLIENTS} clients, each call kept waiting {SLOW_S * 1000:.0f} ms",
                lambda _: list(threads.map(_get, clients)),
                rounds=20,
                limit_s=2 * SLOW_S + 0.05,
            )
    finally:
        for client in clients:
            client.close()
        sandbox.manage("PUT", f"sandboxes/{sandbox.name}/faults", {})
    return together, alone


def beside_bulk(sandbox: Sandbox, client: httpx.Client, alone: Figure) -> tuple[Figure, Figure]:
    """Single reads while another client writes bulk after bulk."""
    bodies = [upsert_body(ROWS, salt) for salt in range(2)]
    times: list[float] = []
    with sandbox.client() as writer, ThreadPoolExecutor(1) as threads:
        for number in range(6):
            sent = threads.submit(_upsert, writer, bodies[number % 2])
            while not sent.done():
                begun = time.perf_counter()
                _get(client)
                times.append(time.perf_counter() - begun)
    return figure("GET of one row while another client upserts", times), alone


def _upsert(client: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    client.post("/bench_rows/Microsoft.Dynamics.CRM.UpsertMultiple", content=body, headers=headers).raise_for_status()


def _get(client: httpx.Client) -> None:
    client.get("/bench_rows?$select=bench_code&$top=1").raise_for_status()


@contextmanager
def hello() -> Iterator[httpx.Client]:
    """A client of the bare server that sandboxes run in."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
        return [b"hello"]

    origin = open_origin(app, "127.0.0.1", 0, f"hello {uuid4()}")
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{origin.server.bind_addr[1]}", trust_env=False) as client:
            yield client
    finally:
        origin.close()


def main() -> None:
    with running() as sandbox, sandbox.client() as client, hello() as bare:
        single = get_one_after(sandbox, client, bare)
        pairs = [*single, many_clients(sandbox), beside_bulk(sandbox, client, single[-1][0])]
    print("\n".join(lines(pairs)))


def get_one_after(sandbox: Sandbox, client: httpx.Client, bare: httpx.Client) -> list[tuple[Figure, Figure]]:
    return [upsert_many(sandbox, client), read_page(sandbox, client), get_one(client, bare)]


if __name__ == "__main__":
    main()
