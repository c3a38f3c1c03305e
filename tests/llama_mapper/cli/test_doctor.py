"""`mapper doctor`: each check in its states, with advice."""

import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.processes import free_ports
from client_api.settings import Settings
from llama_mapper.cli.doctor import files, machine
from llama_mapper.cli.doctor.check import Check, State
from tests.support.command_line import mapper
from tests.support.fake_model import FakeGateway, KeyFile, raising
from tests.support.serving import running_facade

PORTS = ("port", "triton_http_port", "triton_grpc_port", "triton_metrics_port")


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Those of a checkout without a model, on free ports."""
    (tmp_path / "llama_mapper").mkdir()
    ports = dict(zip(PORTS, map(str, free_ports(4)), strict=True))
    return {"model_repository": str(tmp_path)} | ports


def checks(url: str, **settings: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status, and the last check of each name."""
    done = mapper(url, "doctor", "--json", **settings)
    return done.exit_code, {one["name"]: one for one in json.loads(done.stdout)["checks"]}


def test_a_service_that_is_well(url: str, settings: dict[str, str]) -> None:
    status, found = checks(url, **settings)
    assert status == 0
    for name in ("service", "ready", "model served", "versions", "mapping"):
        assert found[name]["state"] == "ok", found[name]
        assert found[name]["advice"] == ""
    assert {"cpu", "python", "disk"} <= set(found)
    assert found["model"]["state"] == "warn"
    assert "make serve" in found["model"]["advice"]
    assert found["triton"]["state"] == found["triton gRPC"]["state"] == "warn"


def test_a_reader_gets_a_line_a_check_and_its_advice(url: str, settings: dict[str, str]) -> None:
    shown = mapper(url, "doctor", **settings).stdout.splitlines()
    told = json.loads(mapper(url, "doctor", "--json", **settings).stdout)["checks"]
    assert len(shown) == sum(1 + bool(check["advice"]) for check in told)
    states = [line.split()[0] for line in shown if not line.startswith(" ")]
    assert states == [check["state"] for check in told]


def test_no_service_fails_and_its_ports_are_looked_at(settings: dict[str, str]) -> None:
    status, found = checks("http://127.0.0.1:1", **settings)
    assert status == 1
    assert found["service"]["state"] == "fail"
    assert "make serve" in found["service"]["advice"]
    assert "ready" not in found
    assert found["port"]["state"] == "ok"


def test_a_port_in_use_names_the_setting(settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        own = {"triton_metrics_port": str(taken.getsockname()[1])}
        status, found = checks("http://127.0.0.1:1", **settings | own)
    assert status == 1
    assert found["port"]["state"] == "fail"
    assert "MAPPER_TRITON_METRICS_PORT" in found["port"]["advice"]
    _, found = checks("http://127.0.0.1:1", **settings | {"triton_metrics_port": "eight"})
    assert "MAPPER_TRITON_METRICS_PORT=eight" in found["port"]["found"]


def test_a_lost_model_is_a_warning_since_the_rules_answer(settings: dict[str, str]) -> None:
    gateway = FakeGateway(raising(RuntimeError("lost")))
    own = Settings(port=free_ports(1)[0], startup_grace_s=0.001)
    with running_facade(own, lambda _: gateway) as served:
        status, found = checks(served, **settings)
    assert status == 0
    for name in ("ready", "model served", "mapping"):
        assert found[name]["state"] == "warn", found[name]
        assert found[name]["advice"]
    assert "model_error" in found["mapping"]["found"]


def test_a_key_is_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: dict[str, str]
) -> None:
    file = KeyFile(tmp_path / "keys.json", capsys.readouterr)
    mapping = file.create("acme", "map:write")["X-API-Key"]
    metrics = file.create("acme", "metrics:read")["X-API-Key"]
    own = Settings(port=free_ports(1)[0], keys_file=file.path)
    with running_facade(own, lambda _: FakeGateway()) as served:
        status, found = checks(served, **settings)
        assert status == 1
        assert "MAPPER_KEY" in found["key"]["advice"]
        assert "versions" not in found
        status, found = checks(served, key=metrics, **settings)
        assert (found["versions"]["state"], found["mapping"]["state"]) == ("ok", "fail")
        assert "map:write" in found["mapping"]["advice"]
        status, found = checks(served, key=mapping, keys_file=str(file.path), **settings)
    assert status == 0
    assert found["keys file"]["state"] == "ok"
    assert "2 keys, 0 expired" in found["keys file"]["found"]


def test_a_machine_that_only_asks_is_not_looked_at_for_serving() -> None:
    status, found = checks("http://mapper.invalid", model_repository="/")
    assert status == 1
    assert set(found) == {"python", "service"}


def test_a_key_file_in_each_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, now = tmp_path / "keys.json", datetime.now(UTC)
    assert files.keys(path, now).state is State.FAIL
    path.write_text("[]")
    assert "not a key file" in files.keys(path, now).found
    path.unlink()
    file = KeyFile(path, capsys.readouterr)
    file.run("create", "--tenant", "a", "--scope", "map:write", "--expires-days", "-1")
    only_expired = files.keys(path, now)
    assert only_expired.state is State.FAIL
    assert "create" in only_expired.advice
    file.create("a", "map:write")
    assert "revoke" in files.keys(path, now).advice
    path.chmod(0o644)
    assert "chmod 600" in files.keys(path, now).advice


def test_published_versions_are_listed(tmp_path: Path) -> None:
    assert files.model(tmp_path) is None
    for number in ("2", "10", "1.old"):
        (tmp_path / "llama_mapper" / number).mkdir(parents=True)
    none = files.model(tmp_path)
    assert none
    assert none.state is State.WARN
    for number in ("2", "10"):
        (tmp_path / "llama_mapper" / number / "manifest.json").touch()
    assert files.model(tmp_path) == Check(
        "model", State.OK, f"published in {tmp_path}: version 2, 10"
    )


@pytest.mark.parametrize(
    ("flags", "kind", "state"),
    [
        ("fma avx2 avx512_vnni", "x86_64", State.OK),
        ("fma avx2", "x86_64", State.OK),
        ("sse4_2", "x86_64", State.WARN),
        ("", "aarch64", State.WARN),
    ],
)
def test_a_cpu_by_its_kind_and_flags(tmp_path: Path, flags: str, kind: str, state: State) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags : {flags}\n")
    assert machine.cpu(tmp_path, kind).state is state


def test_memory_is_what_the_control_group_leaves(tmp_path: Path) -> None:
    assert machine.memory(built=True, proc=tmp_path, cgroup=tmp_path) is None
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable: 4000000 kB\n")
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("5\n")
    free = machine.memory(built=False, proc=tmp_path, cgroup=tmp_path)
    assert free == Check("memory", State.OK, "4.1 GB free")
    (tmp_path / "memory.max").write_text("2000000005\n")
    built = machine.memory(built=True, proc=tmp_path, cgroup=tmp_path)
    assert built == Check("memory", State.OK, "2.0 GB free")
    unbuilt = machine.memory(built=False, proc=tmp_path, cgroup=tmp_path)
    assert unbuilt
    assert "3 GB" in unbuilt.advice


def test_another_python_serves_by_naming_one() -> None:
    assert machine.python((3, 11)).state is State.OK
    assert "PYTHON=python3.11" in machine.python((3, 13)).advice
