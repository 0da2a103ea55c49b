"""Credentials of environments, encrypted at rest."""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from syncengine.errors import CredentialsError


def encrypt(text: str) -> str:
    return _cipher().encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """Raises: CredentialsError when none of the configured keys encrypted it."""
    try:
        return _cipher().decrypt(text.encode()).decode()
    except InvalidToken as exc:
        raise CredentialsError(
            "The stored secret was encrypted with another key. Put the old key back behind the new one in"
            " TWOFOLD_ENCRYPTION_KEY, or enter the secret again."
        ) from exc


def _cipher() -> MultiFernet:
    """The first key encrypts, all decrypt, so that a key can be changed without entering every secret again."""
    if not settings.ENCRYPTION_KEYS:
        raise ImproperlyConfigured("TWOFOLD_ENCRYPTION_KEY is not set, so secrets can be neither stored nor read.")
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])
