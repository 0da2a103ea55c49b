"""Makes `syncengine/sandbox/tables/*/from_maps/` anew from the published facts about maps, and tells what it made.

    python -m script.tables_from_maps [FOLDER]

FOLDER holds the facts, `../shared/maps` where left out. The result is committed, the facts are not; tables made by hand
(the files beside `from_maps`) are extended and never changed. The same facts give the same files.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from script.tables_from_maps import facts
from script.tables_from_maps.make import HandMade, documents
from syncengine.sandbox import declarations
from syncengine.sandbox.declarations import FOLDER, Document, Kind

FACTS = Path(__file__).resolve().parents[3] / "shared" / "maps"
MADE = "from_maps"
INDENT = "  "


def hand_made() -> HandMade:
    found: dict[Kind, Any] = {kind: declarations.merged(kind, _by_hand(kind)) for kind in Kind}
    return HandMade(finops=found[Kind.FINOPS], dataverse=found[Kind.DATAVERSE])


def _by_hand(kind: Kind) -> Iterable[Document]:
    return (declarations.read(kind, path.read_bytes()) for path in sorted((FOLDER / kind).glob("*.json")))


def files(folder: Path) -> dict[str, str]:
    """The text of each file by its path below the tables' folder."""
    made = documents(facts.read(folder), hand_made())
    return {f"{kind}/{MADE}/{_slug(group)}.json": text(document) for kind, group, document in made}


def _slug(group: str) -> str:
    return re.sub(r"\W+", "_", group.lower())


def text(document: Document) -> str:
    """As JSON, with a line for each column, key, reference and enumeration."""
    parts: dict[str, list[Any]] = json.loads(msgspec.json.Encoder(decimal_format="number").encode(document))
    blocks = (f'{INDENT}"{name}": [\n{_items(name, items)}\n{INDENT}]' for name, items in parts.items())
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def _items(name: str, items: Iterable[Any]) -> str:
    if name == "enums":
        return ",\n".join(f"{INDENT * 2}{_line(item)}" for item in items)
    return ",\n".join(f"{INDENT * 2}{{\n{_table(item)}\n{INDENT * 2}}}" for item in items)


def _table(item: dict[str, Any]) -> str:
    return ",\n".join(_part(name, value) for name, value in item.items())


def _part(name: str, value: Any) -> str:
    if not isinstance(value, list) or not value or not isinstance(value[0], dict):
        return f'{INDENT * 3}"{name}": {_line(value)}'
    lines = ",\n".join(f"{INDENT * 4}{_line(each)}" for each in value)
    return f'{INDENT * 3}"{name}": [\n{lines}\n{INDENT * 3}]'


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _told() -> Iterator[str]:
    for kind in Kind:
        document = declarations.standard(kind)
        columns = sum(len(table.columns) for table in document.tables)
        yield f"{kind}: {len(document.tables)} tables, {columns} columns"


def main(folder: Path) -> None:
    made = files(folder)
    for kind in Kind:
        for path in (FOLDER / kind / MADE).glob("*.json"):
            path.unlink()
    for name, content in made.items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    print("\n".join(_told()))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FACTS)
