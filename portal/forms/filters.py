"""The row filters of a map, as a person edits them."""

from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from syncengine.models import EntityMap
from syncengine.states import Side


class FiltersForm(forms.Form):
    """Both filters; an empty one lets every row through."""

    left_filter = forms.CharField(required=False, max_length=10_000, strip=False)
    right_filter = forms.CharField(required=False, max_length=10_000, strip=False)

    def __init__(self, *args: Any, map_: EntityMap, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for side in Side:
            field = self.fields[f"{side}_filter"]
            environment = map_.link.environment(side)
            field.label = environment.name
            field.help_text = str(language_of(environment.kind))
            field.widget = forms.Textarea(
                attrs={"rows": 3, "spellcheck": "false", "class": "code", "autocomplete": "off"}
            )


def language_of(kind: str) -> str | Promise:
    """How filters of that kind of environment are written."""
    if kind == "finops":
        return _('Range expression, for example ((CUSTOMERGROUPID == "10") && (CREDITLIMIT > 0)). OData works too.')
    return _("OData, for example statecode eq 0 and startswith(name, 'B').")
