import pytest
from django.core.exceptions import PermissionDenied

from syncengine.services.permissions import Permission, require
from tests.rows import make_user

pytestmark = pytest.mark.django_db


def test_twofold_itself_may_do_everything() -> None:
    assert require(None, Permission.CHANGE) is None


def test_a_person_without_the_permission_is_refused() -> None:
    with pytest.raises(PermissionDenied, match="change_link"):
        require(make_user("operate_link"), Permission.CHANGE)


def test_a_person_with_the_permission_passes() -> None:
    assert require(make_user("operate_link"), Permission.OPERATE) is None
