"""What the list of environments shows."""

from dataclasses import dataclass, field

from syncengine.models import Environment, Link
from syncengine.states import LinkState


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRow:
    environment: Environment
    links: list[str] = field(default_factory=list)


def environment_rows() -> list[EnvironmentRow]:
    """All environments by name, each with the links that it is in."""
    rows = {environment.pk: EnvironmentRow(environment=environment) for environment in Environment.objects.all()}
    for link in Link.objects.exclude(state=LinkState.UNLINKED):
        for number in (link.left_id, link.right_id):
            rows[number].links.append(link.name)
    return list(rows.values())
