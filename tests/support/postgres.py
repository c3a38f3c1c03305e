"""Debian's PostgreSQL on a free port, in a folder of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.processes import free_ports

_ROOT = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Postgres:
    """A cluster that can be stopped and started again. url: of its database."""

    programs: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Returns when it answers."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self.data} -F"
        log = str(self.data / "log")
        self.run("pg_ctl", "-D", str(self.data), "-w", "-o", options, "-l", log, "start")

    def stop(self) -> None:
        """At once, as when it is lost."""
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", "immediate", "stop")

    def run(self, program: str, *arguments: str) -> None:
        """As the user `postgres` where the tests are run by root, whom PostgreSQL refuses."""
        user = {"user": "postgres"} if os.geteuid() == 0 else {}
        subprocess.run(
            [self.programs / program, *arguments],
            check=True,
            capture_output=True,
            cwd=self.data,
            **user,
        )


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running one. Fails where Debian's `postgresql` is not installed."""
    found = sorted(_ROOT.glob("*/bin/initdb"))
    assert found, "no PostgreSQL: apt-get install postgresql"
    folder = Path(tempfile.mkdtemp(prefix="mapper-postgres-"))
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    cluster = Postgres(found[-1].parent, folder, free_ports(1)[0])
    try:
        arguments = ("-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-N")
        cluster.run("initdb", *arguments)
        cluster = Postgres(cluster.programs, folder / "data", cluster.port)
        cluster.start()
        try:
            yield cluster
        finally:
            if (cluster.data / "postmaster.pid").exists():
                cluster.stop()
    finally:
        shutil.rmtree(folder)
