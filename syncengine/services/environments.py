"""Environments: adding one, speaking to it, and what is known about it."""

from datetime import datetime, timedelta
from threading import Lock

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from syncengine.catalog import Catalog
from syncengine.connectors import connect
from syncengine.connectors.base import Connector, Identity, Settings
from syncengine.errors import DisabledError, SyncError
from syncengine.models import Activity, Environment, Link, StoredCatalog
from syncengine.services import activity, catalogs, companies, drift, sandboxes, secrets
from syncengine.services.companies import CompanyChoice
from syncengine.services.environment_drafts import EnvironmentDraft, Findings, examine, settings_from
from syncengine.services.errors import Refused
from syncengine.services.permissions import Permission, require
from syncengine.states import LinkState

__all__ = [
    "CompanyChoice",
    "EnvironmentDraft",
    "add_environment",
    "catalog_of",
    "company_choices",
    "connector_of",
    "note_answer",
    "note_problem",
    "open_connector",
    "refresh_catalog",
    "refresh_old",
    "refuse_taken",
    "settings_of",
]

ANSWER_NOTED_EVERY = timedelta(seconds=5)
CATALOG_LIFETIME = timedelta(days=1)  # then the tables are read anew


# --- Speaking to an environment ----------------------------------------------------------------------------------

_connectors: dict[int, Connector] = {}
_connectors_lock = Lock()


def settings_of(environment: Environment) -> Settings:
    """Raises: CredentialsError when the stored secret cannot be decrypted."""
    return Settings(
        kind=environment.kind,
        name=environment.name,
        base_url=environment.base_url,
        token_url=environment.token_url,
        tenant=environment.tenant,
        client_id=environment.client_id,
        secret=secrets.decrypt(environment.secret_encrypted),
        options=environment.options,
    )


def open_connector(environment: Environment) -> Connector:
    """The process's connector to the environment. Raises: DisabledError; CredentialsError as `connector_of`."""
    if environment.disabled_at is not None:
        raise DisabledError(
            f"{environment.name} is disabled. Nothing is read from it or written to it until it is enabled again; what"
            " changes elsewhere is kept."
        )
    return connector_of(environment)


def connector_of(environment: Environment) -> Connector:
    """The connector also to an environment that nobody is to speak to: what it reads is in our hands already.

    A new one once its settings have changed. Raises: CredentialsError when the stored secret cannot be decrypted.
    """
    settings = settings_of(environment)
    with _connectors_lock:
        kept = _connectors.get(environment.pk)
        if kept is not None and kept.settings == settings:
            return kept
        if kept is not None:
            kept.close()
        _connectors[environment.pk] = connect(settings)
        return _connectors[environment.pk]


# --- Adding one --------------------------------------------------------------------------------------------------


def add_environment(actor: User | None, *, draft: EnvironmentDraft) -> Environment:
    """The environment, once it has passed its own connector's checks; its catalog is read and kept.

    Raises: Refused with the first check that fails, or what is missing or taken in the draft.
    """
    require(actor, Permission.CHANGE)
    settings = settings_from(draft)
    refuse_taken(settings)
    findings = examine(settings)
    _refuse_known(settings, findings.identity)
    try:
        with transaction.atomic():
            return _store(actor, settings, findings)
    except IntegrityError:  # somebody else was quicker
        refuse_taken(settings)
        raise


def refuse_taken(settings: Settings, *, but: int = 0) -> None:
    """Raises: Refused when another environment, not the one of this id, has the name or the address."""
    others = Environment.objects.exclude(pk=but)
    if others.filter(name__iexact=settings.name).exists():
        raise Refused(f"There is already an environment called {settings.name}. Choose another name.")
    same = others.filter(base_url__iexact=settings.base_url).first()
    if same is not None:
        raise Refused(f"This address is known already as {same.name}. Choose that environment instead.")


def _refuse_known(settings: Settings, identity: Identity) -> None:
    same = Environment.objects.filter(kind=settings.kind, organization_id=identity.organization_id).first()
    if same is not None:
        raise Refused(f"Behind this address answers {same.name}, which is known already under {same.base_url}.")


def _store(actor: User | None, settings: Settings, findings: Findings) -> Environment:
    now = timezone.now()
    environment = Environment.objects.create(
        name=settings.name,
        kind=settings.kind,
        base_url=settings.base_url,
        token_url=settings.token_url,
        tenant=settings.tenant,
        client_id=settings.client_id,
        secret_encrypted=secrets.encrypt(settings.secret),
        options=sandboxes.options_of(settings.base_url),
        organization_id=findings.identity.organization_id,
        version=findings.identity.version,
        data_centre=findings.identity.data_centre,
        catalog_read_at=now,
        clock_offset_s=findings.clock_offset_s,
        answered_at=now,
    )
    StoredCatalog.objects.create(environment=environment, text=catalogs.to_text(findings.catalog))
    activity.record(kind=Activity.Kind.ENVIRONMENT, actor=actor, text=f"Environment {environment.name} was added.")
    return environment


# --- What it has -------------------------------------------------------------------------------------------------

_catalogs: dict[int, tuple[object, Catalog]] = {}


def refresh_catalog(environment: Environment) -> Catalog:
    """The catalog as it is now, kept for later; what changed in tables that maps use is kept as schema drift.

    Raises: SyncError as the connector does.
    """
    catalog, before = open_connector(environment).catalog(), catalog_of(environment)
    with transaction.atomic():
        drift.note(environment, before, catalog)
        environment.catalog_read_at = timezone.now()
        environment.save(update_fields=["catalog_read_at"])
        StoredCatalog.objects.update_or_create(environment=environment, defaults={"text": catalogs.to_text(catalog)})
    return catalog


def refresh_old(now: datetime) -> int:
    """Reads the tables of linked environments anew that were read long ago; gives how many answered."""
    linked = Link.objects.exclude(state=LinkState.UNLINKED).values_list("left_id", "right_id")
    ids = {number for pair in linked for number in pair}
    old = Environment.objects.filter(pk__in=ids, disabled_at=None, catalog_read_at__lt=now - CATALOG_LIFETIME)
    answered = 0
    for environment in old:
        try:
            refresh_catalog(environment)
            answered += 1
        except SyncError as error:
            note_problem(environment.pk, str(error))
    return answered


def catalog_of(environment: Environment) -> Catalog:
    """The catalog as it was last read; empty before the first time."""
    if environment.catalog_read_at is None:
        return Catalog(tables=())
    kept = _catalogs.get(environment.pk)
    if kept is None or kept[0] != environment.catalog_read_at:
        text = StoredCatalog.objects.values_list("text", flat=True).get(environment=environment)
        kept = _catalogs[environment.pk] = (environment.catalog_read_at, catalogs.from_text(text))
    return kept[1]


def company_choices(environment: Environment) -> list[CompanyChoice]:
    """The companies that the environment has now, by code. Raises: Refused when they cannot be read."""
    try:
        return companies.read_choices(open_connector(environment), catalog_of(environment))
    except SyncError as exc:
        raise Refused(f"The companies of {environment.name} could not be read: {exc}") from exc


# --- How it answers ----------------------------------------------------------------------------------------------


def note_problem(environment_id: int, message: str) -> None:
    """Keeps why the environment cannot be used now; the first time of a series is an activity."""
    now = timezone.now()
    environment = Environment.objects.filter(pk=environment_id)
    with transaction.atomic():
        is_new = environment.filter(problem="").update(problem=message, problem_at=now)
        if is_new:
            _tell(environment_id, f"cannot be used: {message}")
        else:
            environment.exclude(problem=message).update(problem=message)


def note_answer(environment_id: int) -> None:
    """Keeps that the environment answered; the end of a problem is an activity. Cheap enough for every call."""
    now = timezone.now()
    environment = Environment.objects.filter(pk=environment_id, disabled_at=None)
    with transaction.atomic():
        if environment.exclude(problem="").update(problem="", problem_at=None, answered_at=now):
            _tell(environment_id, "answers again.")
            return
    is_old = Q(answered_at=None) | Q(answered_at__lt=now - ANSWER_NOTED_EVERY)
    environment.filter(is_old).update(answered_at=now)


def _tell(environment_id: int, what: str) -> None:
    name = Environment.objects.values_list("name", flat=True).get(pk=environment_id)
    activity.record(kind=Activity.Kind.ENVIRONMENT, text=f"{name} {what}")
