"""Starts what an image starts, as a pod of the chart does, where no container engine runs.

In: the image's tree and configuration. Out: a process in namespaces of its own for mounts and
processes, chrooted into the tree: read-only, as the image's user, without capabilities, with empty
/tmp, /run, /dev/shm and working directory. The network is the machine's. Needs root.
"""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tools.images.store import Store

# Arguments: the tree, the user's number, the folder to work in, then environment and command.
_ENTER = """
set -eu
tree=$1 user=$2 folder=$3; shift 3
mount --bind "$tree" "$tree"
mount -o remount,bind,ro "$tree"
mount -t proc proc "$tree/proc"
mount --bind /sys "$tree/sys"
mount -o remount,bind,ro "$tree/sys"
mount -t tmpfs -o mode=755 tmpfs "$tree/dev"
for device in null zero full random urandom; do
    touch "$tree/dev/$device"
    mount --bind "/dev/$device" "$tree/dev/$device"
done
mkdir "$tree/dev/shm"
for empty in dev/shm tmp run "$folder"; do
    mount -t tmpfs -o mode=1777 tmpfs "$tree/$empty"
done
exec chroot "$tree" /usr/bin/setpriv --reuid="$user" --regid="$user" --clear-groups \
    --no-new-privs --bounding-set=-all --inh-caps=-all -- env -i -C "/$folder" "$@"
"""
_NAMESPACES = ("--mount", "--propagation=private", "--pid", "--fork")


@dataclass(frozen=True)
class Image:
    """tree: its files; config: what the builder wrote down, as OCI names it."""

    tree: Path
    config: Mapping[str, Any]

    def command(self, arguments: Sequence[str] | None = None) -> list[str]:
        """What a container of it runs. arguments: in place of the image's own."""
        return [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])]

    def start(
        self, command: Sequence[str], log: Path, settings: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Run a command in it; its output goes to `log`."""
        environment = [*self.config["Env"], *(f"{k}={v}" for k, v in settings.items())]
        user = self.config["User"].partition(":")[0]
        folder = self.config.get("WorkingDir", "/tmp").lstrip("/")
        with log.open("ab") as output:
            return subprocess.Popen(
                [
                    *("unshare", *_NAMESPACES, "sh", "-c", _ENTER, "sh", self.tree, user),
                    folder,
                    *(*environment, *command),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @contextlib.contextmanager
    def running(
        self, command: Sequence[str], log: Path, **settings: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The same, ended with all that it started."""
        process = self.start(command, log, settings)
        try:
            yield process
        finally:
            # The end of the first process of a PID namespace ends all others in it.
            if process.poll() is None:
                for first in psutil.Process(process.pid).children():
                    first.kill()
            process.wait()


@contextlib.contextmanager
def image(name: str) -> Iterator[Image]:
    """An image of the store, in a copy of its files."""
    store = Store()
    config = json.loads(store.buildah("inspect", "--type", "image", name))["OCIv1"]["config"]
    with store.tree(name) as tree:
        yield Image(tree, config)
