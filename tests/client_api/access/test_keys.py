"""API keys: what the command line makes, the store accepts, and nothing gives away."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client_api.access.addresses import is_loopback
from client_api.access.keys import KeyStore, Principal, Scope
from client_api.cli.keys import main
from client_api.http.auth import (
    AmbiguousKeyError,
    TenantMismatchError,
    acting_tenant,
    presented_key,
)
from schemas.config.errors import ConfigError

Cli = Callable[..., str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def cli(path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs a command that must succeed and returns what it printed."""

    def run(*args: str) -> str:
        assert main(["--file", str(path), *args]) == 0
        return capsys.readouterr().out.strip()

    return run


def create(cli: Cli, tenant: str = "acme", *more: str) -> str:
    return cli("create", "--tenant", tenant, "--scope", "map:write", *more)


def key_id(key: str) -> str:
    return key.split("_")[1]


def test_a_key_says_who_is_calling(cli: Cli, path: Path) -> None:
    key = cli("create", "--tenant", "acme", "--scope", "map:write", "--scope", "admin")
    other = create(cli, "globex")
    store = KeyStore(path)
    assert store.authenticate(key) == Principal(
        key_id(key), "acme", frozenset({Scope.MAP_WRITE, Scope.ADMIN})
    )
    found = store.authenticate(other)
    assert found is not None
    assert found.tenant == "globex"


def test_the_file_is_private_and_holds_no_secret(cli: Cli, path: Path) -> None:
    keys = [create(cli) for _ in range(2)]
    text = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    for key in keys:
        assert key.split("_", 2)[2] not in text
    records = json.loads(text)["keys"].values()
    assert len({r["salt"] for r in records}) == len({r["hash"] for r in records}) == 2


def test_another_keys_secret_and_small_changes_are_refused(cli: Cli, path: Path) -> None:
    one, two = create(cli), create(cli, "globex")
    store = KeyStore(path)
    mixed = "_".join([*one.split("_", 2)[:2], two.split("_", 2)[2]])
    last = "B" if one[-1] == "A" else "A"
    for wrong in (mixed, one[:-1] + last, one[:-1], one + "A", one.upper(), f" {one}", one + "\n"):
        assert store.authenticate(wrong) is None


@given(presented=st.text())
def test_anything_else_is_refused(tmp_path_factory: pytest.TempPathFactory, presented: str) -> None:
    empty = tmp_path_factory.mktemp("keys") / "keys.json"
    empty.write_text('{"keys": {}}')
    assert KeyStore(empty).authenticate(presented) is None


def test_a_running_store_takes_over_new_and_revoked_keys(cli: Cli, path: Path) -> None:
    first = create(cli)
    store = KeyStore(path)
    second = create(cli)
    assert store.authenticate(second) is not None
    cli("revoke", key_id(first))
    assert store.authenticate(first) is None
    assert store.authenticate(second) is not None


def test_rotation_leaves_the_old_key_some_time(cli: Cli, path: Path) -> None:
    old = create(cli)
    new = cli("rotate", key_id(old), "--grace-hours", "2")
    now = datetime.now(UTC)
    assert KeyStore(path).authenticate(old) is not None
    later = KeyStore(path, now=lambda: now + timedelta(hours=3))
    assert later.authenticate(old) is None
    found = later.authenticate(new)
    assert found is not None
    assert (found.tenant, found.scopes) == ("acme", {Scope.MAP_WRITE})
    # Rotating once more does not give it longer.
    cli("rotate", key_id(old), "--grace-hours", "50")
    assert later.authenticate(old) is None


def test_a_key_may_expire(cli: Cli, path: Path) -> None:
    key = create(cli, "acme", "--expires-days", "1")
    now = datetime.now(UTC)
    assert KeyStore(path).authenticate(key) is not None
    assert KeyStore(path, now=lambda: now + timedelta(days=2)).authenticate(key) is None


def test_the_list_shows_what_is_needed_to_act(cli: Cli) -> None:
    key = create(cli)
    listed = cli("list")
    assert key_id(key) in listed
    assert "acme" in listed
    assert key.split("_", 2)[2] not in listed


def test_a_bad_file_keeps_the_last_good_keys_and_is_reported(cli: Cli, path: Path) -> None:
    key = create(cli)
    reports: list[ConfigError | None] = []
    store = KeyStore(path, reports.append)
    good = path.read_text()
    path.write_text(good[:-20])
    assert store.authenticate(key) is not None
    assert store.authenticate(key) is not None
    assert store.problem is not None
    assert reports == [store.problem]
    path.unlink()
    assert store.authenticate(key) is not None
    path.write_text(good)
    assert store.authenticate(key) is not None
    assert store.problem is None
    assert reports[-1] is None


def test_a_mounted_secret_is_followed_when_it_is_swapped(cli: Cli, path: Path) -> None:
    """Kubernetes swaps a symbolic link to a directory; the files keep their times."""
    for version in ("one", "two"):
        (path.parent / version).mkdir()
    old = create(cli)
    os.replace(path, path.parent / "one" / "keys.json")
    new = create(cli)
    os.replace(path, path.parent / "two" / "keys.json")
    link = path.parent / "current"
    link.symlink_to("one")
    store = KeyStore(link / "keys.json")
    assert store.authenticate(old) is not None
    (path.parent / "next").symlink_to("two")
    os.replace(path.parent / "next", link)
    assert store.authenticate(old) is None
    assert store.authenticate(new) is not None


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"scopes": ["map:write", "root"]}, "scopes[1]"),
        ({"scopes": "admin"}, "scopes"),
        ({"salt": "00"}, "salt"),
        ({"hash": "zz" * 32}, "hash"),
        ({"expires": "soon"}, "expires"),
        ({"expires": "2030-01-01T00:00:00"}, "expires"),
        ({"tenant": ""}, "tenant"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_a_bad_record_is_named(cli: Cli, path: Path, change: dict[str, object], place: str) -> None:
    key = create(cli)
    data = json.loads(path.read_text())
    record = data["keys"][key_id(key)]
    record.update(change)
    path.write_text(json.dumps(data))
    with pytest.raises(ConfigError) as error:
        KeyStore(path)
    assert error.value.key == f"keys.{key_id(key)}.{place}"
    assert record["hash"] not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", '{"keys": []}', '{"keys": {"nonsense": {}}}'])
def test_a_file_that_is_none_is_refused_at_the_start(path: Path, text: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError):
        KeyStore(path)


def test_commands_say_what_is_wrong(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAPPER_KEYS_FILE", raising=False)
    assert main(["list"]) == 1
    assert "MAPPER_KEYS_FILE" in capsys.readouterr().err
    monkeypatch.setenv("MAPPER_KEYS_FILE", str(path))
    assert main(["list"]) == 1
    assert main(["create", "--tenant", "acme", "--scope", "admin"]) == 0
    before = path.read_text()
    assert main(["revoke", "0123456789abcdef"]) == 1
    assert "0123456789abcdef" in capsys.readouterr().err
    assert path.read_text() == before


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([], None),
        ([(b"x-api-key", b"k")], "k"),
        ([(b"authorization", b"Bearer k")], "k"),
        ([(b"authorization", b"bearer  k ")], "k"),
        ([(b"authorization", b"Basic k")], None),
        ([(b"x-api-key", b"k"), (b"authorization", b"Bearer k")], "k"),
    ],
)
def test_the_key_is_found_in_either_header(
    headers: list[tuple[bytes, bytes]], key: str | None
) -> None:
    assert presented_key(headers) == key


@pytest.mark.parametrize("name", [b"x-api-key", b"authorization"])
def test_two_keys_are_no_key(name: bytes) -> None:
    with pytest.raises(AmbiguousKeyError):
        presented_key([(b"x-api-key", b"one"), (name, b"Bearer two")])


ACME = Principal("0" * 16, "acme", frozenset())


@pytest.mark.parametrize(
    ("principal", "claims", "tenant"),
    [
        (ACME, (None, None), "acme"),
        (ACME, ("acme", "acme"), "acme"),
        (None, (None, "globex"), "globex"),
        (None, (None, None), None),
    ],
)
def test_the_key_determines_the_tenant(
    principal: Principal | None, claims: tuple[str | None, ...], tenant: str | None
) -> None:
    assert acting_tenant(principal, *claims) == tenant


@pytest.mark.parametrize(
    ("principal", "claims"),
    [
        (ACME, ("globex", None)),
        (ACME, ("acme", "globex")),
        (ACME, (None, "ACME")),
        (ACME, ("", None)),
        (None, ("acme", "globex")),
    ],
)
def test_a_contradiction_is_refused_without_naming_anyone(
    principal: Principal | None, claims: tuple[str | None, ...]
) -> None:
    with pytest.raises(TenantMismatchError) as error:
        acting_tenant(principal, *claims)
    assert "acme" not in str(error.value)
    assert "globex" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_what_can_be_reached_from_outside(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
