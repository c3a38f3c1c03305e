"""Starts Triton in its container: links the versions to serve, locks the control protocols.

    launch.py --into=/run/mapper [--store=/store] [--version=3] [--manifest=sha256:…]
        -- <options of tritonserver>

In: the image's models, a store of published versions, the version to serve. Out: a running
tritonserver in this process' place. Standard library alone.

A rollback is a start with another version. Triton serves what `version_policy: latest` finds in the
repository, and an ensemble's step -1 takes the newest that is loaded; so the repository that it is
given has the chosen version and no other. Nothing is copied, and no configuration is rewritten.
"""

import argparse
import glob
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

MODELS = ("signal_reader", "llama_mapper", "mapping_guard", "mapper")
_VERSIONED = "llama_mapper"
_SHM_PREFIX = "mapper_"
# Who may call these can swap the model or read memory.
_RESTRICTED = "model-repository,shared-memory,trace,logging"


class LaunchError(Exception):
    """There is nothing to serve; the message says what to do."""


def link_repository(
    models: Path, store: Path, version: int | None, into: Path, manifest: str = ""
) -> Path:
    """Make a repository of links below `into`, anew, and return it.

    models: the project's model repository; store: a folder of llama_mapper's versions, <n>/;
    version: the one to serve, None for all of them; manifest: `sha256:` and the hash of its
    manifest, which has the hash of each other file; empty for any. A version that is a link to a
    place outside of the store is none.

    Raises LaunchError when there is no such version, or another under its number.
    """
    found = {
        int(f.name): f
        for f in store.iterdir()
        if f.name.isdecimal() and f.is_dir() and f.resolve().parent == store.resolve()
    }
    there = ", ".join(map(str, sorted(found))) or "none"
    chosen = found if version is None else {n: f for n, f in found.items() if n == version}
    if not chosen:
        wanted = "a version" if version is None else f"version {version}"
        raise LaunchError(
            f"{wanted} of {_VERSIONED} is not in {store}; there: {there}. "
            "Publish it with `make export-model`, or choose another triton.model.version."
        )
    for number, folder in chosen.items() if manifest else ():
        digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
        if manifest != f"sha256:{digest}":
            raise LaunchError(
                f"{folder / 'manifest.json'} is sha256:{digest} and not {manifest}: version"
                f" {number} is not the one that was chosen. Publish it anew, or choose what"
                " triton.model.manifestDigest is to be."
            )
    repository = into / "linked"
    shutil.rmtree(repository, ignore_errors=True)
    (repository / _VERSIONED).mkdir(parents=True)
    for name in MODELS:
        if name != _VERSIONED:
            (repository / name).symlink_to(models / name)
    config = Path(_VERSIONED, "config.pbtxt")
    (repository / config).symlink_to(models / config)
    for number, folder in chosen.items():
        (repository / _VERSIONED / str(number)).symlink_to(folder)
    return repository


def command(binary: str, repository: Path, options: Sequence[str]) -> list[str]:
    """How tritonserver is called."""
    # No one needs to control a Triton whose version is chosen at the start, so nobody learns this.
    control = f"{_RESTRICTED}:mapper-control={secrets.token_urlsafe(24)}"
    return [
        binary,
        f"--model-repository={repository}",
        "--model-control-mode=explicit",
        *(f"--load-model={model}" for model in MODELS),
        # Completion starts every Python model twice; the configurations are complete anyway.
        "--disable-auto-complete-config",
        f"--backend-config=python,shm-region-prefix-name={_SHM_PREFIX}",
        f"--http-restricted-api={control}",
        f"--grpc-restricted-protocol={control}",
        *options,
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=Path, default=Path("/opt/mapper/model_repository"))
    parser.add_argument("--store", type=Path, help="default: the versions in --models")
    parser.add_argument("--version", type=int, help="default: what the store has")
    parser.add_argument("--manifest", default="", help="sha256:… of the manifest of --version")
    parser.add_argument("--into", type=Path, required=True, help="a writable folder")
    parser.add_argument("--binary", default="tritonserver")
    parser.add_argument("options", nargs="*", help="of tritonserver, after --")
    args = parser.parse_args()
    if args.manifest and args.version is None:
        parser.error("--manifest is of one version: add --version")
    store = args.store or args.models / _VERSIONED
    try:
        repository = link_repository(args.models, store, args.version, args.into, args.manifest)
    except (LaunchError, OSError) as error:
        sys.exit(f"error: {error}")
    # A container that was killed leaves its segments in the pod's /dev/shm.
    for segment in glob.glob(f"/dev/shm/{_SHM_PREFIX}*"):
        Path(segment).unlink(missing_ok=True)
    options = command(args.binary, repository, args.options)
    os.execvp(options[0], options)


if __name__ == "__main__":
    main()
