"""`python -m tools.images`: builds the images of `helm/images`, and lists their contents.

Out: the images in buildah's store and a bill of materials each, `NAME.cdx.json`, both in
`build/images`; sizes on standard output. `--write` puts sizes into docs/deploy.md and licences into
docs/licences.md. Needs root and Debian's `buildah`, and `mmdebstrap` for a base of that name.

`--licences` builds nothing: after a change of a lock it writes the licences of Python's packages.
"""

import argparse
import json
import re
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tools.images.contents import bill, licences, of_python, size
from tools.images.store import FOLDER, IMAGES, OWN_BASE, ROOT, BuildError, Store, name_of
from tools.markdown import render, table

#: The locks of the images that are built here.
LOCKS: Final = ("facade", "triton-cpu", "triton-server")
_MB: Final = 1_000_000
Bills = Mapping[str, dict[str, Any]]


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.images", description=__doc__)
    parser.add_argument("--base", help=f"base image, or {OWN_BASE} to build one")
    parser.add_argument("--write", action="store_true", help="update the pages")
    parser.add_argument(
        "--licences", action="store_true", help="only licences of Python's packages"
    )
    args = parser.parse_args()
    if args.licences:
        write("licences.md", {"python": python_table()})
        return 0
    store = Store()
    try:
        base = store.make_base() if args.base == OWN_BASE else args.base
        sizes, bills = {}, {}
        for image in IMAGES:
            name = store.build(image, base)
            with store.tree(name) as tree:
                sizes[image] = size(tree)
                bills[image] = bill(tree, *name.rsplit(":", 1))
            file = FOLDER / f"{image}.cdx.json"
            file.write_text(json.dumps(bills[image], indent=1), "utf-8")
            store.prune()
            print(f"{name}: {sizes[image] / _MB:.0f} MB, {file.relative_to(ROOT)}", flush=True)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if args.write:
        write("deploy.md", {"image sizes": size_table(sizes, bills)})
        write("licences.md", {"python": python_table(), "debian": debian_table(bills)})
    return 0


def write(page: str, blocks: Mapping[str, str]) -> None:
    """Update blocks of a page of `docs`."""
    path = ROOT / "docs" / page
    path.write_text(render(path.read_text("utf-8"), blocks), "utf-8")


def size_table(sizes: Mapping[str, int], bills: Bills) -> str:
    """One row per image."""
    kinds = {"Debian packages": "pkg:deb/", "Python packages": "pkg:pypi/"}
    return table(
        ("image", "MB", *kinds),
        (
            (
                name_of(image).removeprefix("localhost/"),
                f"{sizes[image] / _MB:.0f}",
                *(str(len(components(bills[image], kind))) for kind in kinds.values()),
            )
            for image in sizes
        ),
        numbers=True,
    )


def python_table() -> str:
    """One row per licence of the packages in the images' locks, which this environment has too."""
    locked = {name for lock in LOCKS for name in _names(ROOT / "requirements" / f"{lock}.txt")}
    named: dict[str, set[str]] = defaultdict(set)
    for component in of_python(Path(sysconfig.get_path("purelib")))["components"]:
        if _normal(component["name"]) in locked:
            named[" and ".join(licences(component))].add(component["name"])
    rows = ((licence, ", ".join(sorted(named[licence]))) for licence in sorted(named))
    return table(("licence", "packages"), rows)


def debian_table(bills: Bills) -> str:
    """One row per source package."""
    named: dict[str, set[str]] = defaultdict(set)
    for document in bills.values():
        for component in components(document, "pkg:deb/"):
            [source] = [prop["value"] for prop in component["properties"]]
            named[source].update(licences(component))
    rows = ((source, ", ".join(sorted(named[source]))) for source in sorted(named))
    return table(("source package", "licences of its files"), rows)


def _names(lock: Path) -> set[str]:
    lines = lock.read_text("utf-8").splitlines()
    return {_normal(line.partition("==")[0]) for line in lines if "==" in line}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def components(document: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """The components whose package URL has this prefix."""
    return [x for x in document["components"] if x.get("purl", "").startswith(kind)]


if __name__ == "__main__":
    sys.exit(main())
