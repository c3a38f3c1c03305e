"""The contents of an image: its size, and a bill of materials in CycloneDX 1.6.

In: the image's tree of files. Out: megabytes; a document with Python's packages (by cyclonedx-py),
Debian's packages and the model versions. Licences are as each package declares them.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from debian.deb822 import Deb822, Packages
from packageurl import PackageURL

Component = dict[str, Any]

_PACKAGES: Final = "opt/venv/lib/python3.11/site-packages"
_MODELS: Final = "opt/mapper/model_repository/llama_mapper"
_CLASSIFIER: Final = "License :: OSI Approved :: "
# Names of the usual licences in copyright files that are not machine-readable.
_COMMON: Final = re.compile(r"/usr/share/common-licenses/([\w.-]*\w)")


def size(tree: Path) -> int:
    """Bytes of all files; a file with several names counts once."""
    found = (path.lstat() for path in tree.rglob("*"))
    return sum({s.st_ino: s.st_size for s in found}.values())


def bill(tree: Path, name: str, version: str) -> dict[str, Any]:
    """The bill of materials of an image. Raises ValueError if it is not valid CycloneDX."""
    document = of_python(tree / _PACKAGES)
    document["metadata"]["component"] = {
        "type": "container",
        "bom-ref": name,
        "name": name,
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    document["components"] += [*_of_debian(tree), *_of_models(tree / _MODELS)]
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(document))
    if wrong is not None:
        raise ValueError(f"the bill of materials of {name} is not CycloneDX: {wrong}")
    return document


def licences(component: Component) -> list[str]:
    """The names of a component's licences."""
    found = []
    for choice in component.get("licenses", ()):
        licence = choice.get("license", {})
        found.append(choice.get("expression") or licence.get("id") or licence["name"])
    return found


def of_python(packages: Path) -> dict[str, Any]:
    """A bill of the packages in a site-packages, by cyclonedx-py.

    A licence that it does not identify is taken from the package's metadata.
    """
    with tempfile.TemporaryDirectory() as folder:
        # It runs an interpreter to find packages; the image's own runs only inside the image.
        asked = Path(folder, "python")
        asked.write_text(f"#!/bin/sh\necho '{json.dumps([str(packages)])}'\n", "utf-8")
        asked.chmod(0o700)
        command = Path(sys.executable).with_name("cyclonedx-py")
        options = ["environment", str(asked), "--output-reproducible", "--spec-version", "1.6"]
        ran = subprocess.run([command, *options], capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(ran.stdout)
    declared = {d.name: d.metadata.json for d in distributions(path=[str(packages)])}
    for component in document["components"]:
        named = licences(component)
        known = [x for x in component.get("licenses", ()) if "name" not in x.get("license", {})]
        if known:
            component["licenses"] = known
        elif named:
            names = {x.removeprefix(_CLASSIFIER) for x in named}
            component["licenses"] = [{"license": {"name": x}} for x in sorted(names)]
        elif text := declared[component["name"]].get("license"):
            component["licenses"] = [{"license": {"name": text}}]
    return document


def _of_debian(tree: Path) -> Iterator[Component]:
    with (tree / "var/lib/dpkg/status").open("rb") as status:
        for package in Packages.iter_paragraphs(status, use_apt_pkg=False):
            name, version, arch = package["Package"], package["Version"], package["Architecture"]
            source = package.get("Source", name).split()[0]
            url = PackageURL("deb", "debian", name, version, {"arch": arch}).to_string()
            yield {
                "type": "library",
                "bom-ref": url,
                "name": name,
                "version": version,
                "purl": url,
                "licenses": [
                    {"license": {"name": x}}
                    for x in _debian_licences(tree / "usr/share/doc" / name / "copyright")
                ],
                "properties": [{"name": "llama-mapper:debian-source", "value": source}],
            }


def _debian_licences(copyright_file: Path) -> list[str]:
    text = copyright_file.read_text("utf-8", errors="replace")
    names = set(_COMMON.findall(text))
    if text.startswith("Format:"):
        stated = Deb822.iter_paragraphs(text, use_apt_pkg=False)
        names = {x["License"].partition("\n")[0] for x in stated if "Files" in x and "License" in x}
    return sorted(names - {""}) or ["see its copyright file"]


def _of_models(folder: Path) -> Iterator[Component]:
    for manifest in sorted(folder.glob("[0-9]*/manifest.json")):
        name = json.loads(manifest.read_text("utf-8"))["model_id"]
        version = manifest.parent.name
        reference = f"model:{name}@{version}"
        component = {"type": "machine-learning-model", "bom-ref": reference}
        yield component | {"name": name, "version": version}
