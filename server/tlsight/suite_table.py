"""The table of cipher suites, from CryptoDataHub, which has the ones long removed too.

Importing it takes half a second, so it is loaded when the first cipher list is met.
Algorithms keep CryptoDataHub's own names, in lower case with hyphens; this module refuses to know
what any of them means, or which release has which suite. Drafts without a standard name are left
out.
"""

from __future__ import annotations

import functools
from enum import Enum
from types import MappingProxyType
from typing import Any

from tlsight.engine.suites import Suite


@functools.lru_cache(maxsize=1)
def suite_table() -> tuple[Suite, ...]:
    """Effect: import the table at the first call. Suites in the order of their codes."""
    from cryptodatahub.tls.algorithm import SslCipherKind, TlsCipherSuite

    records = [member.value for kind in (TlsCipherSuite, SslCipherKind) for member in kind]
    return tuple(_suite(record) for record in records if record.iana_name)


def _suite(record: Any) -> Suite:
    cipher = record.bulk_cipher
    attributes = {
        "named": _yes(bool(record.openssl_name)),
        "protocol": _word(record.initial_version),
        "key-exchange": _word(record.key_exchange),
        "authentication": _word(record.authentication),
        "encryption": _word(cipher),
        "mode": _word(record.block_cipher_mode),
        "mac": _word(record.mac),
        "aead": _yes(record.authenticated_encryption),
        "export": _yes(record.export_grade),
        "bits": str(cipher.value.key_size if cipher else 0),
    }
    return Suite(record.openssl_name or "", record.iana_name, MappingProxyType(attributes))


def _word(member: Enum | None) -> str:
    return "none" if member is None else member.name.lower().replace("_", "-")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
