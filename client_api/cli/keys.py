"""`python -m client_api keys create|rotate|revoke|list`: manages a file of API keys.

In: command-line arguments. Out: the file, changed as a whole and readable by its owner only; a
new key on standard output, once, and all messages on standard error. The running service applies
the change by itself.
"""

import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from client_api.access.keys import (
    KeyRecord,
    Scope,
    check_tenant,
    make_key,
    read_keys,
    render_keys,
)
from schemas.config.errors import ConfigError
from schemas.config.files import write_private

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Id = Annotated[str, typer.Argument(help="id of a key, as `list` shows it")]
ExpiresDays = Annotated[float | None, typer.Option(help="days until the new key expires")]


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0, 1 with a reason, 2 for wrong usage."""
    try:
        app(list(argv), prog_name="python -m client_api keys")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@app.callback()
def _file(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Option(envvar="MAPPER_KEYS_FILE", help="the file of keys")
    ] = None,
) -> None:
    """Create, rotate, revoke and list API keys."""
    context.obj = file


@app.command()
def create(
    context: typer.Context,
    tenant: Annotated[str, typer.Option(help="the tenant it acts for")],
    scope: Annotated[list[Scope], typer.Option(help="may be repeated")],
    expires_days: ExpiresDays = None,
) -> None:
    """Create a key and print it, once; without --expires-days it never expires."""
    with _refusals(), _edit(path := _path(context), create=True) as records:
        now = _now()
        try:
            name = check_tenant(tenant)
        except ValueError as error:
            raise ConfigError(path, "--tenant", str(error)) from None
        key, done = _add(records, name, frozenset(scope), now, _end(now, expires_days))
    _show(key, done)


@app.command()
def rotate(
    context: typer.Context,
    id: Id,
    grace_hours: Annotated[float, typer.Option(help="hours that the old key still works")] = 24,
    expires_days: ExpiresDays = None,
) -> None:
    """Create a successor with the old key's expiry; the old key works for the grace time."""
    with _refusals(), _edit(path := _path(context)) as records:
        old, now = _known(records, id, path), _now()
        # A rotation extends neither key's time, unless the option requests it.
        expires = _end(now, expires_days) or old.expires
        if expires is not None and expires <= now:
            raise ConfigError(path, f"keys.{id}", "has expired; give --expires-days")
        end = now + timedelta(hours=grace_hours)
        records[id] = retired = replace(old, expires=min(end, old.expires) if old.expires else end)
        key, done = _add(records, old.tenant, old.scopes, now, expires)
    _show(key, f"{id} works until {retired.expires}\n{done}")


@app.command()
def revoke(context: typer.Context, id: Id) -> None:
    """Remove a key; it stops working at once."""
    with _refusals(), _edit(path := _path(context)) as records:
        _known(records, id, path)
        del records[id]
    print(f"revoked {id}", file=sys.stderr)


@app.command("list")
def list_keys(context: typer.Context) -> None:
    """Show ids, tenants, scopes and expiry."""
    with _refusals():
        _list(read_keys(_path(context)), _now())


@contextmanager
def _refusals() -> Iterator[None]:
    """End the command with status 1 and the reason if it cannot be done."""
    try:
        yield
    except (ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        raise typer.Exit(1) from None


def _path(context: typer.Context) -> Path:
    if context.obj is None:
        print("no key file: give --file or set MAPPER_KEYS_FILE", file=sys.stderr)
        raise typer.Exit(1)
    path: Path = context.obj
    return path


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _end(now: datetime, days: float | None) -> datetime | None:
    return None if days is None else now + timedelta(days=days)


def _known(records: dict[str, KeyRecord], key_id: str, path: Path) -> KeyRecord:
    if key_id not in records:
        raise ConfigError(path, f"keys.{key_id}", "does not exist; `keys list` shows all")
    return records[key_id]


def _show(key: str, done: str) -> None:
    """Called after the file is written: a key that was printed works."""
    print(done, file=sys.stderr)
    print(key)


def _add(
    records: dict[str, KeyRecord],
    tenant: str,
    scopes: frozenset[Scope],
    now: datetime,
    expires: datetime | None,
) -> tuple[str, str]:
    key, record = make_key(tenant, scopes, now, expires)
    records[record.key_id] = record
    until = f" until {expires}" if expires else ""
    return key, f"{record.key_id} acts for {tenant}{until}; the key is shown only now"


def _list(records: dict[str, KeyRecord], now: datetime) -> None:
    for record in records.values():
        state = "expired" if record.expired(now) else "active"
        expires = record.expires.isoformat() if record.expires else "never"
        scopes = ",".join(sorted(record.scopes))
        print(f"{record.key_id}\t{state}\t{record.tenant}\t{scopes}\texpires {expires}")


@contextmanager
def _edit(path: Path, *, create: bool = False) -> Iterator[dict[str, KeyRecord]]:
    """The records, written back when the block succeeds; one command at a time."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        records = {} if create and not path.exists() else read_keys(path)
        yield records
        write_private(path, render_keys(records))
    finally:
        os.close(lock)
