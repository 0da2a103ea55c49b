"""Templates: Jinja2, everything escaped."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from syncengine.sandbox.pages import words

FOLDER = Path(__file__).parent / "templates"

ENVIRONMENT = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
ENVIRONMENT.filters.update(number=words.number, moment=words.moment, counted=words.counted)
ENVIRONMENT.globals.update(path_of=words.path_of)


def render(template: str, **values: Any) -> str:
    return ENVIRONMENT.get_template(template).render(values)
