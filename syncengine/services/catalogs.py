"""Catalogs as stored text: what an environment has, as it was when it was last read."""

from dataclasses import fields
from typing import Any

import msgspec

from syncengine.catalog import Catalog, Table


def to_text(catalog: Catalog) -> str:
    return msgspec.json.encode(_stored(catalog) | {"tables": [_stored(table) for table in catalog.tables]}).decode()


def from_text(text: str) -> Catalog:
    return msgspec.json.decode(text, type=Catalog)


def _stored(record: Catalog | Table) -> dict[str, Any]:
    """What follows from the rest is stored empty: decoding asks for the field, then makes it anew."""
    return {part.name: getattr(record, part.name) if part.init else {} for part in fields(record)}
