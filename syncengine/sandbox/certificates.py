"""A self-signed certificate for sandboxes that speak HTTPS, made once and kept beside the other data.

It is its own authority: a client trusts it by its file (`verify=`, SSL_CERT_FILE, REQUESTS_CA_BUNDLE).
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CERTIFICATE, KEY = "sandbox-certificate.pem", "sandbox-key.pem"
ALWAYS = ("localhost", "127.0.0.1")
LIFETIME = timedelta(days=3650)
SPARE = timedelta(days=30)  # made anew when less than this is left


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Where the two files lie."""

    path: Path
    key: Path


def certificate(folder: Path, host: str) -> Certificate:
    """The certificate in this folder, made if there is none that holds for the host and these days."""
    found = Certificate(path=folder / CERTIFICATE, key=folder / KEY)
    hosts = tuple(dict.fromkeys([*ALWAYS, host]))
    if not _is_good(found, hosts, datetime.now(UTC)):
        folder.mkdir(parents=True, exist_ok=True)
        _make(found, hosts, datetime.now(UTC))
    return found


def _is_good(found: Certificate, hosts: Collection[str], now: datetime) -> bool:
    if not found.key.is_file() or not found.path.is_file():
        return False
    try:
        read = x509.load_pem_x509_certificate(found.path.read_bytes())
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    return now + SPARE < read.not_valid_after_utc and all(_name(host) in names for host in hosts)


def _make(into: Certificate, hosts: Collection[str], now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Twofold sandboxes")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + LIFETIME,
        )
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    _write(into.key, key.private_bytes(encoding, form, serialization.NoEncryption()))
    _write(into.path, made.public_bytes(encoding))


def _name(host: str) -> x509.GeneralName:
    address = _address(host)
    return x509.DNSName(host) if address is None else x509.IPAddress(address)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _write(path: Path, content: bytes) -> None:
    """For this user alone, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)
