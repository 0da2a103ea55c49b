"""The sample data, brought into an empty finops service through its own OData API, parents before children."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

from tests.independent.expected import FILES
from tests.independent.services import Finops, Operation
from tests.independent.values import Value

CHANGE_SET = 500
AT_ONCE = 2
NUMBERS = ("Edm.Int32", "Edm.Int64", "Edm.Decimal", "Edm.Double")


def load(finops: Finops, rows: Mapping[str, Sequence[Mapping[str, Value]]]) -> None:
    """Every row, by POST; the rows of one change set stand or fall together."""
    sets = entities(finops)
    for name in FILES:
        numbers = number_columns(finops, sets[name])
        operations = [Operation(method="POST", path=name, body=body(row, numbers)) for row in rows[name]]
        with ThreadPoolExecutor(AT_ONCE) as sending:
            list(sending.map(finops.send, parts(operations)))


def entities(finops: Finops) -> dict[str, str]:
    """Entity set → entity."""
    found = finops.call("GET", f"{finops.account.base_url}/Metadata/DataEntities").json()["value"]
    return {one["PublicCollectionName"]: one["PublicEntityName"] for one in found}


def number_columns(finops: Finops, entity: str) -> set[str]:
    found = finops.call("GET", f"{finops.account.base_url}/Metadata/PublicEntities('{entity}')").json()["Properties"]
    return {one["Name"] for one in found if one["TypeName"] in NUMBERS}


def body(row: Mapping[str, Value], numbers: set[str]) -> dict[str, Any]:
    """What is posted: no cell that is empty, numbers as numbers."""
    filled = {name: value for name, value in row.items() if value != ""}
    return {name: number(str(value)) if name in numbers else value for name, value in filled.items()}


def number(text: str) -> int | float:
    return int(text) if Decimal(text) == int(Decimal(text)) else float(text)


def parts(operations: Sequence[Operation]) -> Iterator[Sequence[Operation]]:
    return (operations[start : start + CHANGE_SET] for start in range(0, len(operations), CHANGE_SET))
