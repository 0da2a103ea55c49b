"""The settings of an environment that is known."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from portal.forms.set_up import EnvironmentForm
from syncengine.models import Environment
from syncengine.services.environments import EnvironmentDraft


class EditForm(EnvironmentForm):
    """As when it was added, but for the kind; the secret stays where none is entered."""

    secret = forms.CharField(
        label=gettext_lazy("Client secret"),
        max_length=500,
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Kept encrypted; never shown again. Empty: it stays as it is."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        del self.fields["kind"]

    @classmethod
    def of(cls, environment: Environment) -> "EditForm":
        names = ("name", "base_url", "tenant", "token_url", "client_id")
        return cls(initial={name: getattr(environment, name) for name in names})

    def draft(self) -> EnvironmentDraft:
        self.cleaned_data["kind"] = ""  # it has one
        return super().draft()
