"""What administrators do with known environments: test, edit, disable, enable, delete, read the tables anew."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from syncengine.connectors.base import Check, Identity, Settings
from syncengine.errors import SyncError
from syncengine.models import Activity, Environment, Link, StoredCatalog
from syncengine.services import activity, environments, sandboxes, secrets
from syncengine.services.environment_drafts import EnvironmentDraft, Findings, examine, settings_from
from syncengine.services.errors import Refused
from syncengine.services.permissions import Permission, require
from syncengine.states import LinkState


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What a test of an environment found. `identity` is None and `latency_s` 0 where it did not come so far."""

    checks: Sequence[Check]
    identity: Identity | None = None
    latency_s: float = 0.0
    clock_offset_s: float = 0.0
    problem: str = ""

    @property
    def is_good(self) -> bool:
        return not self.problem and all(check.ok for check in self.checks)


def test(actor: User, environment: Environment) -> Tested:
    """Speaks to the environment, also to a disabled one, and keeps whether it answers."""
    require(actor, Permission.CHANGE)
    connector = environments.connector_of(environment)
    checks: list[Check] = []
    try:
        checks = connector.check()
        if not all(check.ok for check in checks):
            return Tested(checks=checks)
        begun = time.perf_counter()
        identity = connector.identity()
        latency_s = time.perf_counter() - begun
        offset_s = connector.clock_offset_s()
    except SyncError as error:
        environments.note_problem(environment.pk, str(error))
        return Tested(checks=checks, problem=str(error))
    if identity.organization_id != environment.organization_id:
        return Tested(checks=checks, identity=identity, problem=_another(environment.name, identity))
    known = Environment.objects.filter(pk=environment.pk)
    known.update(version=identity.version, data_centre=identity.data_centre, clock_offset_s=offset_s)
    environments.note_answer(environment.pk)
    return Tested(checks=checks, identity=identity, latency_s=latency_s, clock_offset_s=offset_s)


def edit(actor: User, environment: Environment, *, draft: EnvironmentDraft) -> None:
    """The environment with these settings, once it has passed its checks with them; an empty secret is the one it has.

    Raises: Refused, also when another environment answers there.
    """
    require(actor, Permission.CHANGE)
    secret = draft.secret or secrets.decrypt(environment.secret_encrypted)
    settings = settings_from(replace(draft, kind=environment.kind, secret=secret))
    environments.refuse_taken(settings, but=environment.pk)
    findings = examine(settings)
    if findings.identity.organization_id != environment.organization_id:
        raise Refused(_another(environment.name, findings.identity))
    is_moved = settings.base_url != environment.base_url
    # Sandboxes that do not answer tell nothing, and what is known of this one stays.
    options = sandboxes.options_of(settings.base_url) or ({} if is_moved else environment.options)
    try:
        with transaction.atomic():
            _store(environment, settings, findings, options)
            _note(actor, f"The settings of {settings.name} were changed.")
    except IntegrityError:  # somebody else was quicker
        environments.refuse_taken(settings, but=environment.pk)
        raise
    environments.note_answer(environment.pk)


def disable(actor: User, environment: Environment) -> None:
    """Nobody speaks to it from now on; what changes elsewhere waits."""
    require(actor, Permission.CHANGE)
    with transaction.atomic():
        if Environment.objects.filter(pk=environment.pk, disabled_at=None).update(disabled_at=timezone.now()):
            _note(actor, f"{environment.name} was disabled.")


def enable(actor: User, environment: Environment) -> None:
    """It is in use again; what waited goes on by itself."""
    require(actor, Permission.CHANGE)
    disabled = Environment.objects.filter(pk=environment.pk).exclude(disabled_at=None)
    with transaction.atomic():
        if disabled.update(disabled_at=None, problem="", problem_at=None):
            _note(actor, f"{environment.name} was enabled.")


def delete(actor: User, environment: Environment) -> None:
    """It is gone, with its credentials. Raises: Refused while it is linked."""
    require(actor, Permission.CHANGE)
    with transaction.atomic():
        locked = Environment.objects.select_for_update().get(pk=environment.pk)
        refuse_linked(locked.name, links_of(locked), "deleted")
        StoredCatalog.objects.filter(environment=locked).delete()
        Environment.objects.filter(pk=locked.pk).update(deleted_at=timezone.now(), secret_encrypted="")
        _note(actor, f"The environment {locked.name} was deleted.")


def refresh(actor: User, environment: Environment) -> int:
    """Reads its tables anew; gives their number. Raises: Refused when it does not answer."""
    require(actor, Permission.CHANGE)
    try:
        catalog = environments.refresh_catalog(environment)
    except SyncError as error:
        raise Refused(f"The tables of {environment.name} could not be read: {error}") from error
    _note(actor, f"The {len(catalog.tables)} tables of {environment.name} were read anew.")
    return len(catalog.tables)


def links_of(*members: Environment) -> list[Link]:
    """The links that one of these is in, by name."""
    alive = Link.objects.exclude(state=LinkState.UNLINKED)
    return list((alive.filter(left__in=members) | alive.filter(right__in=members)).order_by("name"))


def refuse_linked(name: str, linked: Sequence[Link], what: str) -> None:
    """Raises: Refused while it is in one of these links."""
    if linked:
        names = ", ".join(link.name for link in linked)
        raise Refused(f"{name} is in the link {names} and cannot be {what}. Unlink it first.")


def _store(environment: Environment, settings: Settings, findings: Findings, options: dict[str, str]) -> None:
    Environment.objects.filter(pk=environment.pk).update(
        name=settings.name,
        base_url=settings.base_url,
        token_url=settings.token_url,
        tenant=settings.tenant,
        client_id=settings.client_id,
        secret_encrypted=secrets.encrypt(settings.secret),
        options=options,
        version=findings.identity.version,
        data_centre=findings.identity.data_centre,
    )


def _another(name: str, identity: Identity) -> str:
    return (
        f"Another environment answers there: {identity.name or identity.organization_id}. {name} stays as it was; add"
        " the other one as an environment of its own."
    )


def _note(actor: User, text: str) -> None:
    activity.record(kind=Activity.Kind.ENVIRONMENT, text=text, actor=actor)
