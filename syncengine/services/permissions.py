"""What a person needs to be allowed. Services ask here; pages hide what would be refused."""

from enum import StrEnum

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied


class Permission(StrEnum):
    OPERATE = "syncengine.operate_link"  # run, pause, resume, stop maps; retry errors
    CHANGE = "syncengine.change_link"  # environments, links, solutions, filters, alert rules


def require(actor: User | None, permission: Permission) -> None:
    """Raises: PermissionDenied when the person lacks it. None is Twofold itself, which may do everything."""
    if actor is not None and not actor.has_perm(permission):
        raise PermissionDenied(f"This needs the permission {permission}.")
