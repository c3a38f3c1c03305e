"""API keys: authenticates a key and finds its tenant and scopes.

In: a file of hashed keys, and a presented key. Out: a `Principal`, or None. Independent of HTTP.
The file is read again when it changes; an invalid version is not used.

A key has the form `lm_<id>_<secret>`: 16 hex digits identify its record, and 256 random bits are
the secret. The file has `sha256(salt + secret)` with one salt per key. A slow hash (scrypt,
bcrypt) protects passwords, which have few bits and can be guessed; 256 random bits cannot be
guessed. A slow hash would cost a large part of a request's budget and megabytes of memory before
the caller is authenticated, and would help denial-of-service attacks. The salt prevents comparing
records of different files.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field

from schemas.config.config_file import ConfigModel, read_config, read_json, refuse
from schemas.config.errors import ConfigError
from schemas.config.watched_file import WatchedFile

_KEY = re.compile(r"lm_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_TENANT_CHARS = 200


class Scope(StrEnum):
    """The permissions of a key; no scope includes another."""

    MAP_WRITE = "map:write"
    METRICS_READ = "metrics:read"
    REVIEW = "review"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller."""

    key_id: str
    tenant: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key's record in the file, without the secret.

    expires: when the key stops working, None for never; times are in UTC.
    """

    key_id: str
    tenant: str
    scopes: frozenset[Scope]
    salt: bytes
    hash: bytes
    created: datetime
    expires: datetime | None = None

    def proves(self, secret: str) -> bool:
        """Whether the secret belongs to this key; compares in constant time."""
        return hmac.compare_digest(_digest(self.salt, secret), self.hash)

    def expired(self, now: datetime) -> bool:
        """Whether it has stopped working."""
        return self.expires is not None and now >= self.expires


def _hex(length: int) -> BeforeValidator:
    """Bytes written as hex digits."""

    def read(value: object) -> bytes:
        try:
            raw = bytes.fromhex(value) if isinstance(value, str) else b""
        except ValueError:
            raw = b""
        if len(raw) != length:
            raise refuse(problem=f"must be {length} bytes as hex digits")
        return raw

    return BeforeValidator(read)


def check_tenant(name: str) -> str:
    """A tenant's name: up to 200 printable characters, without white space at its ends.

    Raises ValueError for any other text: two spellings of a name must not be two tenants.
    """
    if name and name == name.strip() and name.isprintable() and len(name) <= _TENANT_CHARS:
        return name
    raise ValueError(
        f"must be up to {_TENANT_CHARS} printable characters, without white space at its ends"
    )


def _tenant(name: str) -> str:
    try:
        return check_tenant(name)
    except ValueError as error:
        raise refuse(problem=str(error)) from None


class _Record(ConfigModel):
    """A `KeyRecord` as the file has it, under its id."""

    tenant: Annotated[str, AfterValidator(_tenant)]
    scopes: frozenset[Scope]
    salt: Annotated[bytes, _hex(16)]
    hash: Annotated[bytes, _hex(32)]
    created: AwareDatetime
    expires: AwareDatetime | None


class _KeyFile(ConfigModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    keys: dict[Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")], _Record]


# The record for unknown ids, so that both refusals take the same time.
_NOBODY = KeyRecord(
    "0" * 16, "", frozenset(), bytes(16), secrets.token_bytes(32), datetime.now(UTC)
)


def make_key(
    tenant: str, scopes: frozenset[Scope], now: datetime, expires: datetime | None = None
) -> tuple[str, KeyRecord]:
    """A new key, to be shown once, and its record, to be kept."""
    key_id, secret, salt = secrets.token_hex(8), secrets.token_urlsafe(32), secrets.token_bytes(16)
    record = KeyRecord(key_id, tenant, scopes, salt, _digest(salt, secret), now, expires)
    return f"lm_{key_id}_{secret}", record


class KeyStore:
    """The keys in a file, as they are now.

    on_change: called with None after a new version is taken over, with the error after a bad one.

    Raises ConfigError when the file is missing or bad at the start.
    """

    def __init__(
        self,
        path: Path,
        on_change: Callable[[ConfigError | None], None] = lambda problem: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._file = WatchedFile(path, read_keys, on_change)
        self._now = now

    @property
    def changed(self) -> bool:
        """Whether the next access reads the file, which may block for that time."""
        return self._file.changed

    def current(self) -> Mapping[str, KeyRecord]:
        """The records of the last good version of the file."""
        return self._file.current()

    def authenticate(self, presented: str) -> Principal | None:
        """The owner of the key; None for a malformed, unknown, wrong or expired one."""
        match = _KEY.fullmatch(presented)
        key_id, secret = match.groups() if match else ("", "")
        record = self._file.current().get(key_id, _NOBODY)
        if not record.proves(secret) or record.expired(self._now()):
            return None
        return Principal(record.key_id, record.tenant, record.scopes)

    @property
    def problem(self) -> ConfigError | None:
        """The error of the current file while an earlier version is in use; else None."""
        self._file.current()
        return self._file.problem


def read_keys(path: Path) -> dict[str, KeyRecord]:
    """The records of a key file by id, in the order of the file.

    Raises ConfigError, which never quotes a hash, when the file or a record is not as
    `render_keys` writes it.
    """
    records = read_config(path, _KeyFile, read=read_json).keys
    return {key_id: KeyRecord(key_id, **dict(record)) for key_id, record in records.items()}


def render_keys(records: Mapping[str, KeyRecord]) -> str:
    """The text of a key file."""
    keys = {
        record.key_id: {
            "tenant": record.tenant,
            "scopes": sorted(record.scopes),
            "salt": record.salt.hex(),
            "hash": record.hash.hex(),
            "created": record.created.isoformat(),
            "expires": record.expires.isoformat() if record.expires else None,
        }
        for record in records.values()
    }
    return json.dumps({"keys": keys}, indent=2, ensure_ascii=False) + "\n"


def _digest(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode()).digest()
