"""API keys: who presents one, for which tenant, and what it may do.

In: a file of hashed keys, and what a caller presented. Out: a `Principal`, or nothing. Knows
nothing of HTTP. The file is read again when it changes; a bad version of it is not taken over.

A key reads `lm_<id>_<secret>`: 16 hex digits that find its record in one look-up, and 256 random
bits that prove it. The file holds `sha256(salt + secret)` with a salt of its own for each key.
A slow hash (scrypt, bcrypt) guards secrets that people choose, a few dozen bits that can be
guessed one by one; nobody guesses 256 random bits at any speed. Here it would only cost a good
part of a request's budget and megabytes of memory, before anything is known of the caller: a gift
to whoever wants to stop the service. The salt keeps records from being compared across files.
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
    """What a key may do; none includes another."""

    MAP_WRITE = "map:write"
    METRICS_READ = "metrics:read"
    REVIEW = "review"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling."""

    key_id: str
    tenant: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key as the file knows it; the secret is not in it.

    expires: when it stops working, None for never; times are in UTC.
    """

    key_id: str
    tenant: str
    scopes: frozenset[Scope]
    salt: bytes
    hash: bytes
    created: datetime
    expires: datetime | None = None

    def proves(self, secret: str) -> bool:
        """Whether the secret is this key's; takes as long for a wrong one as for the right."""
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

    Raises ValueError for anything else: two spellings of a name must not be two tenants.
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


# Compared with when the id is unknown, so that both refusals take the same time.
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
        """Whether the next look reads the file, which takes as long as that takes."""
        return self._file.changed

    def current(self) -> Mapping[str, KeyRecord]:
        """The records of the last good version of the file."""
        return self._file.current()

    def authenticate(self, presented: str) -> Principal | None:
        """Who holds this key; None when it is malformed, unknown, wrong or expired."""
        match = _KEY.fullmatch(presented)
        key_id, secret = match.groups() if match else ("", "")
        record = self._file.current().get(key_id, _NOBODY)
        if not record.proves(secret) or record.expired(self._now()):
            return None
        return Principal(record.key_id, record.tenant, record.scopes)

    @property
    def problem(self) -> ConfigError | None:
        """What is wrong with the file now, while an earlier version of it is served."""
        self._file.current()
        return self._file.problem


def read_keys(path: Path) -> dict[str, KeyRecord]:
    """The records of a key file by id, in the order they were made.

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
