from django.conf import settings
from django.db import models
from django.utils import timezone

from syncengine.models.choices import choices_of
from syncengine.models.environments import Environment
from syncengine.states import LinkState, Side


class Link(models.Model):
    """The pair of one left and one right environment. An unlinked one stays as the home of its activity, no more."""

    name = models.CharField(max_length=250)
    left = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="links_as_left")
    right = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="links_as_right")
    state = models.CharField(max_length=20, choices=choices_of(LinkState), default=LinkState.LINKED)
    halted_reason = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=~models.Q(state=LinkState.UNLINKED), name="link_name_once"
            )
        ]
        permissions = [("operate_link", "Can run, pause, resume and stop maps, and retry errors")]

    def __str__(self) -> str:
        return self.name

    def environment(self, side: Side) -> Environment:
        return self.left if side is Side.LEFT else self.right


class LinkCompany(models.Model):
    """A company whose rows the link keeps equal. `code` is the same on both sides, compared without letter case."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="companies")
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=250, blank=True)

    class Meta:
        ordering = ["code"]
        constraints = [models.UniqueConstraint(fields=["link", "code"], name="company_once_a_link")]

    def __str__(self) -> str:
        return self.code


class Lane(models.Model):
    """A link's stream of work, and its lease: `token` grows with every new holder; times are the database's."""

    link = models.ForeignKey(Link, on_delete=models.CASCADE, related_name="lanes")
    name = models.CharField(max_length=60, default="default")
    token = models.BigIntegerField(default=0)
    owner = models.CharField(max_length=120, blank=True)
    until = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["link", "name"], name="lane_name_once_a_link")]

    def __str__(self) -> str:
        return f"{self.link} / {self.name}"
