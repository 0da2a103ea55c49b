"""An alert rule, as a person edits it."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from syncengine.errors import ErrorClass
from syncengine.models import AlertRule, EntityMap, Link
from syncengine.models.choices import choices_of
from syncengine.services.alerts import AlertDraft
from syncengine.states import AlertAction

ACTIONS = [
    (AlertAction.NONE.value, gettext_lazy("None, only send the mail")),
    (AlertAction.PAUSE.value, gettext_lazy("Pause the map")),
    (AlertAction.STOP.value, gettext_lazy("Stop the map")),
]
MAX_SUBSCRIBERS = 100


class AlertForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    maps = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Maps"),
        queryset=EntityMap.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None ticked stands for all maps of the link."),
    )
    kind = forms.ChoiceField(
        label=gettext_lazy("Class of error"),
        required=False,
        choices=[("", gettext_lazy("Any")), *choices_of(ErrorClass)],
    )
    count = forms.IntegerField(
        label=gettext_lazy("Errors"),
        min_value=1,
        max_value=1_000_000,
        initial=10,
        help_text=gettext_lazy("This many errors of one map …"),
    )
    window_minutes = forms.IntegerField(
        label=gettext_lazy("Minutes"),
        min_value=1,
        max_value=10_080,
        initial=15,
        help_text=gettext_lazy("… within this many minutes."),
    )
    action = forms.ChoiceField(
        label=gettext_lazy("Action"), choices=ACTIONS, initial=AlertAction.NONE, widget=forms.RadioSelect
    )
    subscribers = forms.CharField(
        label=gettext_lazy("Subscribers"),
        max_length=20_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=gettext_lazy("E-mail addresses, one a line."),
    )
    is_enabled = forms.BooleanField(label=gettext_lazy("Enabled"), required=False, initial=True)

    def __init__(self, *args: Any, link: Link, rule: AlertRule | None = None, **kwargs: Any) -> None:
        if rule is not None:
            kwargs["initial"] = initial_of(rule)
        super().__init__(*args, **kwargs)
        field = self.fields["maps"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = EntityMap.objects.filter(link=link)

    def clean_subscribers(self) -> list[str]:
        """The addresses without doubles, in the order given."""
        addresses = list(dict.fromkeys(line.strip() for line in self.cleaned_data["subscribers"].splitlines()))
        found = [address for address in addresses if address]
        if len(found) > MAX_SUBSCRIBERS:
            raise ValidationError(_("At most %(count)d addresses.") % {"count": MAX_SUBSCRIBERS})
        for address in found:
            check_address(address)
        return found

    def draft(self) -> AlertDraft:
        data = dict(self.cleaned_data)
        return AlertDraft(error_class=data.pop("kind"), **{**data, "maps": list(data["maps"])})


def check_address(address: str) -> None:
    """Raises: ValidationError that names the line."""
    try:
        validate_email(address)
    except ValidationError as exc:
        raise ValidationError(_("“%(address)s” is not an e-mail address.") % {"address": address}) from exc


def initial_of(rule: AlertRule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "maps": list(rule.maps.values_list("pk", flat=True)),
        "kind": rule.error_class,
        "count": rule.count,
        "window_minutes": rule.window_minutes,
        "action": rule.action,
        "subscribers": "\n".join(rule.subscribers),
        "is_enabled": rule.is_enabled,
    }
