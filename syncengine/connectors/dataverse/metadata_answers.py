"""The shapes of Dataverse's metadata answers, as far as a catalog needs them.

Source: Dataverse Web API documentation.
"""

from typing import Any

import msgspec


class ManagedValue(msgspec.Struct):
    value: Any = msgspec.field(name="Value", default=None)


class LocalLabel(msgspec.Struct):
    label: str | None = msgspec.field(name="Label", default=None)


class LocalLabels(msgspec.Struct):
    user: LocalLabel | None = msgspec.field(name="UserLocalizedLabel", default=None)


class Option(msgspec.Struct, rename="pascal"):
    value: int
    label: LocalLabels | None = None


class OptionSet(msgspec.Struct, rename="pascal"):
    options: list[Option] | None = None


class Attribute(msgspec.Struct, kw_only=True, rename="pascal"):
    logical_name: str
    attribute_type: str | None = None
    attribute_of: str | None = None
    is_valid_for_create: bool | None = None
    is_valid_for_update: bool | None = None
    is_valid_for_read: bool | None = None
    required_level: ManagedValue | None = None
    display_name: LocalLabels | None = None
    max_length: int | None = None
    precision: int | None = None
    format: str | None = None
    date_time_behavior: ManagedValue | None = None
    targets: list[str] | None = None
    option_set: OptionSet | None = None


class AlternateKey(msgspec.Struct, kw_only=True, rename="pascal"):
    logical_name: str
    key_attributes: list[str]
    entity_key_index_status: str | int | None = None


class Relationship(msgspec.Struct, kw_only=True, rename="pascal"):
    referencing_attribute: str
    referenced_entity: str
    referencing_entity_navigation_property_name: str | None = None


class Definition(msgspec.Struct, kw_only=True, rename="pascal"):
    logical_name: str
    entity_set_name: str | None = None
    primary_id_attribute: str | None = None
    change_tracking_enabled: bool | None = None
    display_name: LocalLabels | None = None


class Definitions(msgspec.Struct):
    value: list[Definition]


class Attributes(msgspec.Struct):
    value: list[Attribute]


class Keys(msgspec.Struct):
    value: list[AlternateKey]


class Relationships(msgspec.Struct):
    value: list[Relationship]
