"""Webhooks that answer within the write: what they refuse does not happen. Source: Dataverse Web API documentation."""

import httpx

from syncengine.sandbox.calls import ServiceError
from syncengine.sandbox.dataverse import errors
from syncengine.sandbox.events import Delivery
from syncengine.sandbox.site import Site

RETRIED = (502, 503, 504)
MAX_TEXT = 1_000
_NO_SUCCESS = (
    "The webhook call failed because the http request received non-success httpStatus code."
    " Please check your webhook request handler."
)
_NO_ANSWER = (
    "The webhook call failed because the http request timed out at client side."
    " Please check your webhook request handler."
)


def ask(site: Site, delivery: Delivery) -> None:
    """Raises: ServiceError with the words of the endpoint unless it agrees, at the second try after a gateway error."""
    with httpx.Client(timeout=site.settings.webhook_time_limit_s, trust_env=False) as client:
        answer = _post(client, delivery)
        if answer.status_code in RETRIED:
            answer = _post(client, delivery)
    if not answer.is_success:
        raise ServiceError(400, answer.text.strip()[:MAX_TEXT] or _NO_SUCCESS, code=errors.RULE)


def _post(client: httpx.Client, delivery: Delivery) -> httpx.Response:
    try:
        return client.post(delivery.url, content=delivery.body.encode(), headers=dict(delivery.headers))
    except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
        raise ServiceError(400, _NO_ANSWER, code=errors.RULE) from error
