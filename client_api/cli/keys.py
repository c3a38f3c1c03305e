"""`python -m client_api keys create|rotate|revoke|list`: manages a file of API keys.

In: command-line arguments. Out: the file, changed as a whole and readable by its owner only; a
new key on standard output, once, and everything said about it on standard error. The running
service takes the change over by itself.
"""

import argparse
import fcntl
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

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


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit status: 0, or 1 after saying why not."""
    args = _parser().parse_args(argv)
    if not args.file:
        print("no key file: give --file or set MAPPER_KEYS_FILE", file=sys.stderr)
        return 1
    path, now = Path(args.file), datetime.now(UTC).replace(microsecond=0)
    try:
        if args.command == "list":
            _list(read_keys(path), now)
            return 0
        with _edit(path, create=args.command == "create") as records:
            if args.command != "create" and args.id not in records:
                raise ConfigError(path, f"keys.{args.id}", "is not there; `keys list` shows all")
            key, done = _change(path, records, args, now)
        # Said and shown only once it is kept: a key that was printed works.
        print(done, file=sys.stderr)
        if key:
            print(key)
    except (ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m client_api keys", description=__doc__)
    parser.add_argument(
        "--file", default=os.environ.get("MAPPER_KEYS_FILE"), help="default: $MAPPER_KEYS_FILE"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key and print it, once")
    create.add_argument("--tenant", required=True, help="the tenant it acts for")
    create.add_argument(
        "--scope", action="append", choices=list(Scope), help="may be repeated", required=True
    )
    rotate = commands.add_parser("rotate", help="make a successor; the old key ends after a while")
    rotate.add_argument("id")
    rotate.add_argument(
        "--grace-hours", type=float, default=24, help="how long the old key still works"
    )
    for making in (create, rotate):
        making.add_argument(
            "--expires-days", type=float, help="default: never; of a rotation: as the old key"
        )
    revoke = commands.add_parser("revoke", help="remove a key; it stops working at once")
    revoke.add_argument("id")
    commands.add_parser("list", help="show ids, tenants, scopes and expiry")
    return parser


def _change(
    path: Path, records: dict[str, KeyRecord], args: argparse.Namespace, now: datetime
) -> tuple[str | None, str]:
    """Change the records as the command says; returns a new key if there is one, and what was done.

    Raises ConfigError for a tenant that is no name, or a successor without time to live.
    """
    if args.command == "revoke":
        del records[args.id]
        return None, f"revoked {args.id}"
    days: float | None = args.expires_days
    expires = None if days is None else now + timedelta(days=days)
    if args.command == "create":
        try:
            tenant = check_tenant(args.tenant)
        except ValueError as error:
            raise ConfigError(path, "--tenant", str(error)) from None
        return _add(records, tenant, frozenset(map(Scope, args.scope)), now, expires)
    old = records[args.id]
    # A rotation gives neither key more time than the old one had, unless it is told to.
    expires = expires or old.expires
    if expires is not None and expires <= now:
        raise ConfigError(path, f"keys.{args.id}", "has expired; say --expires-days")
    end = now + timedelta(hours=args.grace_hours)
    retired = replace(old, expires=min(end, old.expires) if old.expires else end)
    records[args.id] = retired
    key, done = _add(records, old.tenant, old.scopes, now, expires)
    return key, f"{args.id} works until {retired.expires}\n{done}"


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
def _edit(path: Path, *, create: bool) -> Iterator[dict[str, KeyRecord]]:
    """The records, written back when the block succeeds; one command at a time."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        records = {} if create and not path.exists() else read_keys(path)
        yield records
        write_private(path, render_keys(records))
    finally:
        os.close(lock)
