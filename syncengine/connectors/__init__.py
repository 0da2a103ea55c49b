"""One folder a kind of environment, all behind the protocol of `base`."""

from collections.abc import Callable, Mapping

from syncengine.connectors.base import Connector, Settings
from syncengine.connectors.dataverse.connector import DataverseConnector
from syncengine.connectors.finops.connector import FinopsConnector
from syncengine.connectors.postgres.connector import PostgresConnector

KINDS: Mapping[str, Callable[[Settings], Connector]] = {
    "dataverse": DataverseConnector,
    "finops": FinopsConnector,
    "postgres": PostgresConnector,
}


def connect(settings: Settings) -> Connector:
    """A connector to this environment; nothing is sent yet. Raises: KeyError for a kind that is not known."""
    return KINDS[settings.kind](settings)
