"""The questions of the set-up wizard."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from syncengine.models import Environment
from syncengine.services.environments import CompanyChoice, EnvironmentDraft
from syncengine.states import Side

KIND_OF_SIDE = {Side.LEFT: Environment.Kind.FINOPS, Side.RIGHT: Environment.Kind.DATAVERSE}
SIGN_IN = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"


class EnvironmentsForm(forms.Form):
    """One environment a side; each side offers those of its kind."""

    left = forms.ModelChoiceField(
        queryset=Environment.objects.none(),
        empty_label=None,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose the left environment.")},
    )
    right = forms.ModelChoiceField(
        queryset=Environment.objects.none(),
        empty_label=None,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose the right environment.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for side, kind in KIND_OF_SIDE.items():
            field = self.fields[side]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = Environment.objects.filter(kind=kind)


class EnvironmentForm(forms.Form):
    """A new environment; the service tests it before it is kept."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        help_text=gettext_lazy("How pages call it, for example Contoso sales."),
    )
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Environment.Kind.choices, widget=forms.RadioSelect)
    base_url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=500,
        widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=gettext_lazy("The root of the environment, without a path."),
    )
    tenant = forms.CharField(
        label=gettext_lazy("Tenant"),
        max_length=120,
        help_text=gettext_lazy("Directory (tenant) id of the sign-in service."),
    )
    token_url = forms.CharField(
        label=gettext_lazy("Sign-in address"),
        max_length=500,
        required=False,
        widget=forms.URLInput(attrs={"placeholder": SIGN_IN.format(tenant="…")}),
        help_text=gettext_lazy("Where tokens are issued. Empty stands for Microsoft's service and the tenant above."),
    )
    client_id = forms.CharField(
        label=gettext_lazy("Client id"),
        max_length=120,
        help_text=gettext_lazy("Application (client) id of the registration."),
    )
    secret = forms.CharField(
        label=gettext_lazy("Client secret"),
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Kept encrypted; never shown again."),
    )

    def clean_base_url(self) -> str:
        return checked_url(self.cleaned_data["base_url"]).rstrip("/")

    def clean_token_url(self) -> str:
        given = self.cleaned_data["token_url"]
        return checked_url(given) if given else ""

    def draft(self) -> EnvironmentDraft:
        data = self.cleaned_data
        return EnvironmentDraft(**{**data, "token_url": data["token_url"] or SIGN_IN.format(tenant=data["tenant"])})


def checked_url(text: str) -> str:
    """Raises: ValidationError for what is not an http address of a host."""
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValidationError(
            _("“%(text)s” is not an address. It begins with https:// and a host name.") % {"text": text}
        )
    return text


class CompaniesForm(forms.Form):
    """At least one company of the left environment."""

    companies = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one company.")},
    )

    def __init__(self, *args: Any, offered: Sequence[CompanyChoice], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered = offered
        field = self.fields["companies"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(company.code, company.name) for company in offered]

    def chosen(self) -> list[CompanyChoice]:
        codes = set(self.cleaned_data["companies"])
        return [company for company in self.offered if company.code in codes]


class SummaryForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name of the link"), max_length=250, help_text=gettext_lazy("How pages and mails call it.")
    )
    consent = forms.BooleanField(
        label=gettext_lazy("I may do this for both systems and agree."),
        error_messages={"required": gettext_lazy("Without your consent nothing is created.")},
    )


class SolutionForm(forms.Form):
    solution = forms.ChoiceField(
        widget=forms.RadioSelect, error_messages={"required": gettext_lazy("Choose a solution.")}
    )

    def __init__(self, *args: Any, names: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["solution"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, name) for name in names]
