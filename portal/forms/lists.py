"""What people narrow lists by. The values live in the address; one that is no choice is as if it were not there."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from portal.selectors.activity import unlinked
from syncengine.errors import ErrorClass
from syncengine.models import Activity, EntityMap, Link
from syncengine.models.choices import choices_of
from syncengine.states import ChangeState, ErrorState, MapState, Side

ANY = ("", _("Any"))
NAMES = {"map": "map_id"}  # what selectors call a field


class ListFilter(forms.Form):
    """A filter bar. `given` holds what can be understood of an address."""

    use_required_attribute = False

    def __init__(self, data: QueryDict, *, link: Link) -> None:
        super().__init__(data, auto_id="filter-%s")
        self.link = link
        self.narrow_choices()
        self.is_valid()

    def narrow_choices(self) -> None:
        """Fills choices that depend on the link."""

    def offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [ANY, *choices]

    @property
    def given(self) -> dict[str, Any]:
        """What to narrow by, as selectors call it; "" for what is not asked."""
        return {NAMES.get(name, name): self.cleaned_data.get(name) or "" for name in self.fields}

    @property
    def is_narrowing(self) -> bool:
        return any(value for name, value in self.given.items() if name != "sort")


def text_field(label: Any, placeholder: Any) -> forms.CharField:
    widget = forms.TextInput(
        attrs={"type": "search", "placeholder": placeholder, "maxlength": 200, "autocomplete": "off"}
    )
    return forms.CharField(label=label, required=False, max_length=200, widget=widget)


def choice_field(label: Any, choices: list[tuple[str, Any]]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=[ANY, *choices])


def side_choices(link: Link) -> list[tuple[str, str]]:
    return [(Side.LEFT.value, link.left.name), (Side.RIGHT.value, link.right.name)]


def map_choices(link: Link) -> list[tuple[str, str]]:
    return [(str(pk), name) for pk, name in EntityMap.objects.filter(link=link).values_list("pk", "name")]


class MapFilter(ListFilter):
    q = text_field(_("Name"), _("Name or table"))
    state = choice_field(_("State"), choices_of(MapState))
    group = choice_field(_("Group"), [])
    sort = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[
            ("name", _("Name")),
            ("state", _("State")),
            ("group", _("Group")),
            ("changed", _("Last change of state")),
        ],
    )

    def narrow_choices(self) -> None:
        groups = EntityMap.objects.filter(link=self.link).exclude(group="").order_by("group")
        self.offer("group", [(name, name) for name in groups.values_list("group", flat=True).distinct()])


class ErrorFilter(ListFilter):
    q = text_field(_("Search"), _("Key, message or number"))
    map = choice_field(_("Map"), [])
    kind = choice_field(_("Class"), choices_of(ErrorClass))
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[("", _("Open")), *[choice for choice in choices_of(ErrorState) if choice[0] != ErrorState.OPEN]],
    )
    side = choice_field(_("Changed in"), [])
    company = choice_field(_("Company"), [])

    def narrow_choices(self) -> None:
        self.offer("map", map_choices(self.link))
        self.offer("side", side_choices(self.link))
        self.offer("company", [(company.code, company.code) for company in self.link.companies.all()])


class ActivityFilter(ListFilter):
    map = choice_field(_("Map"), [])
    kind = choice_field(_("Kind"), list(Activity.Kind.choices))
    person = choice_field(_("Person"), [])
    links = forms.ChoiceField(
        label=_("Links"), required=False, choices=[("", _("This link")), ("all", _("Unlinked ones too"))]
    )

    def narrow_choices(self) -> None:
        if not unlinked().exclude(pk=self.link.pk).exists():
            del self.fields["links"]
        self.offer("map", map_choices(self.link))
        self.offer("person", people())


def people() -> list[tuple[str, str]]:
    users = get_user_model().objects.filter(is_active=True).order_by("username")[:200]
    return [(str(user.pk), str(user)) for user in users]


class QueueFilter(ListFilter):
    q = text_field(_("Row"), _("Row id"))
    side = choice_field(_("Changed in"), [])
    state = choice_field(_("State"), choices_of(ChangeState))

    def narrow_choices(self) -> None:
        self.offer("side", side_choices(self.link))
