"""Starts and ends processes that end with this one, and lists the children of a process.

In: a command. Out: a running process and its children. Independent of Triton.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# Becomes the command. Its files, shared memory with callers' outputs among them, are for this user
# only. The Python backend would open its segments to all by fchmod right after it makes them; a
# seccomp filter lets that call do nothing, and without it nothing is started. The kernel
# (PR_SET_PDEATHSIG = 1) ends the command when this process ends, however it ends. Not a preexec_fn:
# that is a real fork, and gRPC's fork handlers abort the child.
_BECOME = """\
import ctypes, os, signal, struct, sys
os.umask(0o077)
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(1, signal.SIGTERM)
machine = os.uname().machine
fchmod = {"x86_64": 91, "aarch64": 52}.get(machine)
if fchmod is None:
    sys.exit(f"no seccomp filter for {machine}: its shared memory would be open to all users")
load_number, jump_unless, give = 0x20, 0x15, 0x06
success, allow = 0x00050000, 0x7FFF0000
code = b"".join(
    struct.pack("HBBI", *line)
    for line in (
        (load_number, 0, 0, 0),
        (jump_unless, 0, 1, fchmod),
        (give, 0, 0, success),
        (give, 0, 0, allow),
    )
)
kept = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(kept))
# PR_SET_NO_NEW_PRIVS; PR_SET_SECCOMP, SECCOMP_MODE_FILTER
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):
    error = os.strerror(ctypes.get_errno())
    sys.exit(f"no seccomp filter ({error}): its shared memory would be open to all users")
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def spawn(
    command: Sequence[str], log: BinaryIO, env: Mapping[str, str], folder: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a command in a new process group; the kernel ends it when the calling thread ends.

    log: receives its output; folder: its working directory. Raises OSError.
    """
    launcher = (sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()))
    return subprocess.Popen(
        [*launcher, *command],
        env=env,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        # Its own group: Ctrl-C reaches this process first, which drains in order. The same session:
        # Linux divides the cores among sessions first, and then by priority.
        process_group=0,
    )


def end(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """SIGTERM, then SIGKILL after `grace_s`, for the process and its children."""
    process.terminate()
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # A killed Triton leaves its stubs running; they share its process group.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Child:
    """A child process. ended: a zombie, which its parent has not collected; command: empty then."""

    pid: int
    ended: bool
    command: tuple[str, ...]


def children(parent: int) -> Iterator[Child]:
    """The children of a process; those that end meanwhile are left out."""
    try:
        # Every thread has its own: Triton starts a stub from the thread that loads its model.
        threads = os.listdir(f"/proc/{parent}/task")
        pids = [pid for one in threads for pid in _text(f"{parent}/task/{one}/children").split()]
    except OSError:
        return
    for pid in pids:
        try:
            # The name, in brackets, may hold spaces and brackets itself.
            state = _text(f"{pid}/stat").rpartition(")")[2].split()[0]
            command = _text(f"{pid}/cmdline").split("\0")[:-1]
            yield Child(int(pid), state == "Z", tuple(command))
        except OSError:
            continue


def _text(name: str) -> str:
    # pathlib takes three times as long, and the watchdog reads 140 files four times per second.
    with open(f"/proc/{name}", encoding="utf-8", errors="surrogateescape") as file:
        return file.read()
