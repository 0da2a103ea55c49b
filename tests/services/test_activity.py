import pytest

from syncengine.models import Activity
from syncengine.services.activity import record
from tests.rows import make_map, make_user

pytestmark = pytest.mark.django_db


def test_a_line_of_a_map_belongs_to_its_link_too() -> None:
    map_, ann = make_map(), make_user()
    line = record(kind=Activity.Kind.RUN, text="Started.", actor=ann, map=map_)
    assert (line.link, line.map, line.actor) == (map_.link, map_, ann)
