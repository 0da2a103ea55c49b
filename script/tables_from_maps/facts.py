"""The published facts about maps, as records. `../shared/maps/README.md` tells how the files are written."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

CUSTOMERS = (("Account", "accounts"), ("Contact", "contacts"))  # the segments of a path to either
COMPANY_CODE = "cdm_companycode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A pair of columns, "" where one side has none. `path` is the dataverse column, or look-ups and the key behind.

    `targets` are the tables that the look-ups point to, hop by hop; `is_either` stands for one look-up to either of
    them. `values` is the printed value map, None without one; `is_guess` marks a look-up that the facts doubt.
    """

    finops: str
    path: tuple[str, ...]
    targets: tuple[str, ...] = ()
    is_either: bool = False
    is_guess: bool = False
    values: Mapping[str, str] | None = None
    finops_default: str = ""
    dataverse_default: str = ""

    @property
    def dataverse(self) -> str:
        return self.path[0] if self.path else ""

    @property
    def is_lookup(self) -> bool:
        return len(self.path) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFacts:
    """A map with the fields of its older variant behind its own. Keys are paths on the dataverse side."""

    stem: str
    group: str
    entity: str
    token: str
    table: str
    lines: tuple[Line, ...]
    finops_key: tuple[str, ...]
    dataverse_key: tuple[tuple[str, ...], ...]
    finops_filter: str
    dataverse_filter: str


def read(folder: Path) -> list[MapFacts]:
    """All maps, by file name."""
    variants = {path.stem: _json(path) for path in sorted((folder / "variants_2020").glob("*.json"))}
    maps = [_facts(path.stem, _json(path), variants.get(path.stem)) for path in sorted(folder.glob("*__*.json"))]
    return list(_with_targets(maps))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _facts(stem: str, today: Mapping[str, Any], variant: Mapping[str, Any] | None) -> MapFacts:
    lines = [_line(each) for each in today["fields"]]
    known = {(line.finops, line.path) for line in lines}
    older = [_line(each) for each in (variant["fields"] if variant else ())]
    versions = " ".join(each["filter"] or "" for each in today.get("dataverse_filter_by_version") or ())
    return MapFacts(
        stem=stem,
        group=today["group"],
        entity=today["finops_entity"],
        token=today["finops_entity_token"] or "",
        table=today["dataverse_table"],
        lines=(*lines, *(line for line in older if (line.finops, line.path) not in known)),
        finops_key=tuple(today["key"]["finops"]),
        dataverse_key=tuple(tuple(path.split(".")) for path in today["key"]["dataverse"]),
        finops_filter=today["finops_filter"] or "",
        dataverse_filter=f"{today['dataverse_filter'] or ''} {versions}",
    )


def _line(each: Mapping[str, Any]) -> Line:
    found, transforms = each.get("lookup") or {}, each.get("transforms") or ()
    maps = [part["map"] for part in transforms if part["type"] == "ValueMap"]
    defaults = {part["applies_to"]: part["value"] for part in transforms if part["type"] == "Default"}
    is_either = bool(found.get("polymorphic"))
    path = tuple(each["dataverse"].split(".")) if each["dataverse"] else ()
    return Line(
        finops=each["finops"] or "",
        path=path[:2] if is_either else path,
        targets=tuple(target for _, target in CUSTOMERS) if is_either else tuple(found.get("target_tables", ())),
        is_either=is_either,
        is_guess=found.get("confidence") == "low",
        values=maps[0] if maps else None,
        finops_default=defaults.get("finops", ""),
        dataverse_default=defaults.get("dataverse", ""),
    )


def _with_targets(maps: Iterable[MapFacts]) -> Iterator[MapFacts]:
    """Look-ups of older variants name no target: it is that of the same column, else that of the same key."""
    maps = list(maps)
    known = [(each.table, line) for each in maps for line in each.lines if line.targets and not line.is_either]
    by_column = {(table, line.path): line.targets for table, line in known}
    by_key = {line.path[1:]: line.targets for _, line in known}
    for each in maps:
        lines = (
            line
            if line.targets or not line.is_lookup
            else replace(line, targets=by_column.get((each.table, line.path)) or by_key[line.path[1:]])
            for line in each.lines
        )
        yield replace(each, lines=tuple(lines))
