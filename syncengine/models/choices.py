"""Django choices of the engine's enums: the stored value is the word that pages show."""

from enum import StrEnum


def choices_of(enum: type[StrEnum]) -> list[tuple[str, str]]:
    return [(member.value, member.value.capitalize()) for member in enum]
