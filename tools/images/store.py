"""Builds the images of `helm/images` with buildah, as root and without a daemon.

In: this checkout with a published model version; Debian's `buildah`, and `mmdebstrap` to build the
base. Out: images in a store below `build/images`, and their trees of files.
"""

import os
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "build" / "images"
#: The images that are built here; NVIDIA's base of the GPU image is too large.
IMAGES: Final = ("facade", "triton")
#: The base that mmdebstrap builds.
OWN_BASE: Final = "mmdebstrap"

_SUITE: Final = "bookworm"
_HOOKS: Final = "/usr/share/mmdebstrap/hooks/merged-usr"
# As in Debian's own slim image; copyright files stay.
_LEFT_OUT: Final = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
)
_CERTIFICATES: Final = "/run/builder.crt"


class BuildError(Exception):
    """A program of the build failed or is missing; the message has its last lines."""


@dataclass(frozen=True, slots=True)
class Store:
    """A separate store of buildah; the machine's containers are not changed."""

    folder: Path = FOLDER

    def buildah(self, *arguments: str) -> str:
        """Run buildah; returns its output. Raises BuildError."""
        return _run(
            "buildah",
            *("--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run")),
            *("--storage-driver", "vfs", *arguments),
        )

    def make_base(self) -> str:
        """Build a small Debian from its packages; returns the image's name. Raises BuildError."""
        name = "localhost/llama-mapper/base"
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder, "base.tar")
            options = [f"--dpkgopt={option}" for option in _LEFT_OUT]
            options += ["--variant=minbase", f"--hook-dir={_HOOKS}", "--include=usr-is-merged"]
            _run("mmdebstrap", *options, _SUITE, str(tree))
            container = self.buildah("from", "scratch")
            self.buildah("add", container, str(tree), "/")
            self.buildah("commit", "--quiet", "--rm", container, name)
        return name

    def build(self, image: str, base: str | None) -> str:
        """Build one of IMAGES; returns its name. base: None for the Dockerfile's own.

        Raises BuildError.
        """
        name = name_of(image)
        options = ["--build-arg", f"BASE={base}"] if base else []
        # The machine's certificates, which may be more than Debian's: mounted, never copied.
        if trusted := os.environ.get("SSL_CERT_FILE"):
            options += ["--volume", f"{Path(trusted).resolve()}:{_CERTIFICATES}:ro"]
            options += ["--build-arg", f"SSL_CERT_FILE={_CERTIFICATES}"]
        self.buildah(
            *("build", "--isolation", "chroot", "--format", "docker", *options),
            *("--file", str(ROOT / "helm" / "images" / image / "Dockerfile")),
            *("--tag", name, str(ROOT)),
        )
        return name

    def prune(self) -> None:
        """Remove images whose name belongs to a later build. Raises BuildError."""
        self.buildah("rmi", "--prune")

    @contextmanager
    def tree(self, image: str) -> Iterator[Path]:
        """The files of an image, in a copy that is removed afterwards. Raises BuildError."""
        container = self.buildah("from", "--pull-never", image)
        try:
            yield Path(self.buildah("mount", container))
        finally:
            self.buildah("rm", container)


def name_of(image: str) -> str:
    """The image's name in the store, with the version of the project."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return f"localhost/llama-mapper/{image}:{project['version']}"


def _run(*command: str) -> str:
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise BuildError(f"{command[0]} is missing: apt-get install buildah mmdebstrap") from error
    if ran.returncode:
        last = "\n".join((ran.stdout + ran.stderr).splitlines()[-20:])
        raise BuildError(f"{' '.join(command)} ended with {ran.returncode}:\n{last}")
    return ran.stdout.strip()
