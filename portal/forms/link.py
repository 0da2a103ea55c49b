"""Companies added to a link that works already."""

from django import forms
from django.utils.translation import gettext_lazy

from portal.forms.set_up import CompaniesForm


class AddCompaniesForm(CompaniesForm):
    """As in the wizard; rows are copied at once, so it asks for consent too."""

    consent = forms.BooleanField(
        label=gettext_lazy("I may do this for both systems and agree."),
        error_messages={"required": gettext_lazy("Without your consent nothing is added.")},
    )
