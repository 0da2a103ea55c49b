"""Ids of rows that every environment has from the beginning; the same in copies."""

from uuid import NAMESPACE_URL, UUID, uuid5


def own_id(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, name)


UNIT = own_id("root business unit")
