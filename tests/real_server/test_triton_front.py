"""What reaches Triton's own HTTP, and who may give it orders."""

import contextlib
import json
import socket
import stat
import struct
from pathlib import Path

import httpx
import pytest

from client_api.triton.front import MAX_BRACKETS, MAX_BYTES
from client_api.triton.processes import children
from tests.support.serving import Stack

pytestmark = pytest.mark.triton

INFER = "/v2/models/mapper/infer"


def body(text: str = "hate") -> str:
    columns = {"DETECTOR": "openai-moderation", "OUTPUT": text}
    inputs = [
        {"name": name, "shape": [1, 1], "datatype": "BYTES", "data": [value]}
        for name, value in columns.items()
    ]
    return json.dumps({"inputs": inputs})


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        ("[" * 200_000, {}, 400),
        ('{"a":' * 200_000, {}, 400),
        ('"' + '\\"' * 1_000_000, {}, 500),
        ("[" * MAX_BRACKETS, {}, 500),
        (b" " * (MAX_BYTES + 1), {}, 413),
        (body(), {"Origin": "http://evil.example"}, 403),
        (body(), {"Host": "evil.example"}, 403),
        (body(), {"Content-Encoding": "gzip"}, 415),
        (body(), {"Inference-Header-Content-Length": "-1"}, 400),
        (body("[" * 10_000), {}, 200),
        (body(), {"Host": "localhost:1"}, 200),
    ],
)
def test_bodies_and_pages_that_end_triton_do_not_reach_it(
    stack: Stack, content: str | bytes, headers: dict[str, str], status: int
) -> None:
    pid = stack.triton.pid
    url = f"http://{stack.triton.http_url}{INFER}"
    answer = httpx.post(url, content=content, headers=headers, timeout=60.0)
    assert answer.status_code == status, answer.text
    assert ("error" in answer.json()) == (status != 200)
    assert stack.triton.pid == pid
    assert httpx.get(f"http://{stack.triton.http_url}/v2/health/ready").status_code == 200


def test_a_body_in_chunks_needs_a_length(stack: Stack) -> None:
    url = f"http://{stack.triton.http_url}{INFER}"
    answer = httpx.post(url, content=iter([b"[", b"]"]))
    assert answer.status_code == 411


@pytest.mark.parametrize(
    "path",
    [
        "/v2/repository/index",
        "/v2/repository/models/mapper/unload",
        "/v2/models/../repository/index",
        "/v2/models/%2e%2e/repository/index",
        "/v2/systemsharedmemory/region/x/register",
        "/v2/logging",
        "/v2/trace/setting",
        "/v2/models/mapper/trace/setting",
    ],
)
def test_no_orders_by_the_port(stack: Stack, path: str) -> None:
    with socket.create_connection((stack.triton.host, stack.triton.ports.http)) as raw:
        raw.sendall(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        )
        assert raw.recv(4096).startswith(b"HTTP/1.1 403")


def test_the_metadata_that_would_unlock_grpc_is_not_valid_http2(stack: Stack) -> None:
    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return (
            struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload
        )

    def asked(**metadata: str) -> bytes:
        headers = {
            ":method": "POST",
            ":scheme": "http",
            ":path": "/inference.GRPCInferenceService/RepositoryIndex",
            ":authority": "localhost",
            "content-type": "application/grpc",
            "te": "trailers",
        } | {f"triton-grpc-protocol-{key}": value for key, value in metadata.items()}
        packed = b"".join(
            bytes([0, len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
            for name, value in headers.items()
        )
        answer = b""
        with socket.create_connection((stack.triton.host, stack.triton.ports.grpc), 10) as raw:
            raw.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
            raw.sendall(frame(1, 4, 1, packed) + frame(0, 1, 1, bytes(5)))
            with contextlib.suppress(ConnectionError):
                while b"grpc-message" not in answer and (part := raw.recv(4096)):
                    answer += part
        return answer

    assert b"This protocol is restricted" in asked()
    assert b"This protocol is restricted" in asked(off="OFF")
    refused = asked(OFF="OFF")
    assert b"grpc-message" in refused
    assert b"mapper" not in refused


def test_command_lines_and_files_give_other_users_nothing(stack: Stack) -> None:
    triton = stack.triton
    assert triton.pid is not None
    line = Path(f"/proc/{triton.pid}/cmdline").read_text()
    assert "restricted-api" not in line
    address = Path(triton.address.http)
    segments = list(Path("/dev/shm").glob(f"{triton.shm_prefix}*"))
    assert segments
    assert list(children(triton.pid))
    for path in (address.parent, *segments):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
