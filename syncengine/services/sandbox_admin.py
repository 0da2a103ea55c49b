"""What administrators do with sandboxes: make, fill, copy, empty, delete them, and set what they say of themselves."""

from collections.abc import Callable
from typing import TypeVar

from django.contrib.auth.models import User

from syncengine.errors import SyncError
from syncengine.models import Activity, Environment, Link
from syncengine.services import activity, environment_admin, sandboxes
from syncengine.services.errors import Refused
from syncengine.services.permissions import Permission, require
from syncengine.services.sandboxes import OPTION, About, Sandbox

DEMO = "contoso"  # the rows that a sandbox may come with
MAX_FILE_BYTES = 100 * 1024 * 1024
T = TypeVar("T")


def listed(actor: User) -> list[Sandbox]:
    """Raises: Refused when the sandboxes do not answer."""
    require(actor, Permission.CHANGE)
    return _asked(sandboxes.all_sandboxes)


def get(actor: User, name: str) -> Sandbox:
    """Raises: Refused when there is none of this name."""
    require(actor, Permission.CHANGE)
    return _asked(lambda: sandboxes.get(name))


def sets(actor: User, name: str) -> list[str]:
    """The tables that a file can be loaded into. Raises: Refused."""
    require(actor, Permission.CHANGE)
    return _asked(lambda: sandboxes.sets(name))


def create(actor: User, *, name: str, kind: str, has_demo: bool) -> Sandbox:
    """Raises: Refused when the name is taken."""
    require(actor, Permission.CHANGE)
    made = _asked(lambda: sandboxes.create(name=name, kind=kind, demo=DEMO if has_demo else ""))
    _note(actor, f"The sandbox {name} was made{' with demo data' if has_demo else ''}.")
    return made


def copy(actor: User, name: str, *, new_name: str) -> Sandbox:
    """Raises: Refused when the new name is taken."""
    require(actor, Permission.CHANGE)
    made = _asked(lambda: sandboxes.copy(name, new_name=new_name))
    _note(actor, f"The sandbox {name} was copied to {new_name}.")
    return made


def change(actor: User, name: str, about: About) -> Sandbox:
    """Raises: Refused."""
    require(actor, Permission.CHANGE)
    changed = _asked(lambda: sandboxes.change(name, about))
    _note(actor, f"The settings of the sandbox {name} were changed.")
    return changed


def load(actor: User, name: str, *, table: str, content: bytes) -> int:
    """How many rows of the CSV file were loaded. Raises: Refused, with no row of it loaded."""
    require(actor, Permission.CHANGE)
    if len(content) > MAX_FILE_BYTES:
        raise Refused(f"The file is larger than {MAX_FILE_BYTES // 1024 // 1024} MB. Load it in parts.")
    rows = _asked(lambda: sandboxes.load_csv(name, table=table, content=content))
    _note(actor, f"{rows} {'row was' if rows == 1 else 'rows were'} loaded into {table} of the sandbox {name}.")
    return rows


def reset(actor: User, name: str) -> None:
    """All rows go. Raises: Refused, also while the sandbox is linked: its emptiness would be synced."""
    require(actor, Permission.CHANGE)
    environment_admin.refuse_linked(name, links_of(name), "emptied")
    _asked(lambda: sandboxes.reset(name))
    _note(actor, f"The sandbox {name} was emptied.")


def delete(actor: User, name: str) -> None:
    """Raises: Refused, also while the sandbox is linked."""
    require(actor, Permission.CHANGE)
    environment_admin.refuse_linked(name, links_of(name), "deleted")
    _asked(lambda: sandboxes.delete(name))
    _note(actor, f"The sandbox {name} was deleted.")


def links_of(name: str) -> list[Link]:
    """The links that the sandbox is in, by name."""
    return environment_admin.links_of(*Environment.objects.filter(**{f"options__{OPTION}": name}))


def _asked(work: Callable[[], T]) -> T:
    """Raises: Refused with the reason that the sandboxes gave."""
    try:
        return work()
    except SyncError as error:
        raise Refused(str(error)) from error


def _note(actor: User, text: str) -> None:
    activity.record(kind=Activity.Kind.ENVIRONMENT, text=text, actor=actor)
