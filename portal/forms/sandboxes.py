"""What is asked of a person about a sandbox."""

from dataclasses import asdict, fields
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from syncengine.models import Environment
from syncengine.services.sandboxes import About

NAME_LENGTH = 80


class NameField(forms.RegexField):
    """The name of a sandbox: it stands in addresses."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            regex=r"^[^/]+$",
            max_length=NAME_LENGTH,
            error_messages={"invalid": gettext_lazy("A name has no slash.")},
            **options,
        )


class CreateForm(forms.Form):
    name = NameField(label=gettext_lazy("Name"), help_text=gettext_lazy("For example Training finance."))
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=Environment.Kind.choices, widget=forms.RadioSelect)
    rows = forms.ChoiceField(
        label=gettext_lazy("Rows"),
        choices=[("demo", gettext_lazy("Demo data")), ("none", gettext_lazy("None, all tables are empty"))],
        initial="demo",
        widget=forms.RadioSelect,
    )


class CopyForm(forms.Form):
    new_name = NameField(label=gettext_lazy("Name of the copy"))


class LoadForm(forms.Form):
    """`sets` are the tables of the sandbox."""

    table = forms.ChoiceField(label=gettext_lazy("Table"))
    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
        help_text=gettext_lazy("Its first line names the columns. All of its rows are loaded, or none."),
    )

    def __init__(self, *args: Any, sets: list[str], **options: Any) -> None:
        super().__init__(*args, **options)
        table = self.fields["table"]
        assert isinstance(table, forms.ChoiceField)
        table.choices = [(name, name) for name in sets]


class AboutForm(forms.Form):
    """What the sandbox tells of itself: with other values each health check can be made to fail."""

    tenant_id = forms.CharField(label=gettext_lazy("Tenant"), max_length=120)
    version = forms.CharField(
        label=gettext_lazy("Version"), max_length=40, help_text=gettext_lazy("Of the application, for example 10.0.42.")
    )
    build = forms.CharField(label=gettext_lazy("Build"), max_length=40)
    data_centre = forms.CharField(label=gettext_lazy("Data centre"), max_length=60)
    default_company = forms.CharField(
        label=gettext_lazy("Default company"),
        max_length=4,
        required=False,
        help_text=gettext_lazy("Of the user that signs in. Empty: the first one."),
    )
    is_trial = forms.BooleanField(label=gettext_lazy("It is a trial environment"), required=False)

    @classmethod
    def of(cls, about: About) -> "AboutForm":
        return cls(initial=asdict(about))

    def about(self) -> About:
        return About(**{one.name: self.cleaned_data[one.name] for one in fields(About)})
