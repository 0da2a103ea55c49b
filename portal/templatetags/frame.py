"""What the frame of a page is made of."""

import json
from typing import Any

from django import template
from django.template.context import Context

register = template.Library()

# 304 and 204 leave the page as it is; 422 is a form that comes back with its problems.
HTMX = {
    "includeIndicatorStyles": False,
    "allowEval": False,
    "allowScriptTags": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,
    "attributesToSettle": [],  # what a script marks stays marked through a swap
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "304", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "422", "swap": True},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}


@register.simple_tag
def htmx_config() -> str:
    """HTMX's settings, as its meta element wants them."""
    return json.dumps(HTMX)


@register.simple_tag(takes_context=True)
def here(context: Context, *names: str) -> str:
    """The attribute that marks the link to the page one is on, by the start of its address's name."""
    match: Any = context["request"].resolver_match
    is_here = match is not None and any(match.url_name.startswith(name) for name in names)
    return "page" if is_here else "false"
