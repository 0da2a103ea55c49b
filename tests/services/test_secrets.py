import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from syncengine.errors import CredentialsError
from syncengine.services.secrets import decrypt, encrypt


def test_what_is_encrypted_is_decrypted_and_not_readable() -> None:
    stored = encrypt("päss wörd")
    assert "wörd" not in stored
    assert decrypt(stored) == "päss wörd"


def test_an_old_key_behind_a_new_one_still_decrypts(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    stored = encrypt("secret")
    settings.ENCRYPTION_KEYS = [new, old]
    assert decrypt(stored) == "secret"
    settings.ENCRYPTION_KEYS = [new]
    with pytest.raises(CredentialsError, match="another key"):
        decrypt(stored)


def test_without_a_key_nothing_is_stored(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = []
    with pytest.raises(ImproperlyConfigured, match="TWOFOLD_ENCRYPTION_KEY"):
        encrypt("secret")
