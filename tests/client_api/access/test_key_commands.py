"""The commands for keys: what a rotation hands on, what a tenant may be called, what is said."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client_api.access.keys import KeyStore
from client_api.cli.keys import main

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


def create(cli: Cli, *more: str) -> str:
    return cli("create", "--tenant", "acme", "--scope", "map:write", *more)


def key_id(key: str) -> str:
    return key.split("_")[1]


def test_a_rotation_keeps_the_expiry_unless_it_is_told_another(cli: Cli, path: Path) -> None:
    old = create(cli, "--expires-days", "3")
    new = cli("rotate", key_id(old))
    longer = cli("rotate", key_id(new), "--grace-hours", "1000", "--expires-days", "9")
    now = datetime.now(UTC)

    def working(days: int) -> set[str]:
        store = KeyStore(path, now=lambda: now + timedelta(days=days))
        return {key for key in (old, new, longer) if store.authenticate(key)}

    assert (working(2), working(4), working(10)) == ({new, longer}, {longer}, set())


@pytest.mark.parametrize("tenant", [" acme", "acme ", "ac\nme", "a\u0000b", "x" * 201])
def test_a_tenant_is_spelled_in_one_way(
    tenant: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--file", str(path), "create", "--tenant", tenant, "--scope", "admin"]) == 1
    assert "printable" in capsys.readouterr().err
    assert not path.exists()


@pytest.mark.parametrize(
    "wrong",
    [["create", "--tenant", "acme", "--scope", "fly"], ["create"], ["rotate"], ["list", "--all"]],
)
def test_wrong_usage_has_a_status_of_its_own(wrong: list[str], path: Path) -> None:
    assert main(["--file", str(path), *wrong]) == 2
    assert not path.exists()


def test_what_was_not_kept_is_not_said(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("client_api.cli.keys.write_private", full)
    assert main(["--file", str(path), "create", "--tenant", "acme", "--scope", "admin"]) == 1
    said = capsys.readouterr()
    assert "acts for" not in said.err + said.out
    assert "No space left" in said.err


def test_a_file_that_python_cannot_parse_is_a_bad_file(cli: Cli, path: Path) -> None:
    key = create(cli)
    store = KeyStore(path)
    path.write_text("[" * 100_000)
    assert store.authenticate(key) is not None
    assert store.problem is not None
