"""Files of a service on this machine: published versions of the model, and API keys.

In: paths. Out: checks. Reads no secret: a key file holds hashes, and only expiry dates are used.
"""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

from llama_mapper.cli.doctor.check import Check, fail, ok, warn


def model(repository: Path) -> Check | None:
    """The published versions; None without a model repository."""
    folder = repository / "llama_mapper"
    if not folder.is_dir():
        return None
    versions = sorted(
        int(manifest.parent.name)
        for manifest in folder.glob("*/manifest.json")
        if manifest.parent.name.isdecimal()
    )
    if not versions:
        found = f"none published in {repository}"
        return warn("model", found, "make serve builds it; the rules answer until then")
    listed = ", ".join(map(str, versions))
    return ok("model", f"published in {repository}: version {listed}")


def keys(file: Path, now: datetime) -> Check:
    """Whether the service can read its key file, and a key is valid. now: in UTC."""
    name, set_by = "keys file", "MAPPER_KEYS_FILE"
    try:
        mode = file.stat().st_mode
        records = list(json.loads(file.read_text(encoding="utf-8"))["keys"].values())
        ends = [record["expires"] for record in records]
        expired = [end for end in ends if end and datetime.fromisoformat(end) <= now]
    except OSError as error:
        advice = f"create it with python -m client_api keys create, or change {set_by}"
        return fail(name, f"{file}: {error.strerror}", advice)
    except (ValueError, KeyError, TypeError, AttributeError):
        advice = "restore it, or create new keys with python -m client_api keys create"
        return fail(name, f"{file} is not a key file", advice)
    found = f"{file}: {len(records)} keys, {len(expired)} expired"
    if len(expired) == len(records):
        return fail(name, found, "create a key with python -m client_api keys create")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return warn(name, f"{found}; other users can read it", f"chmod 600 {file}")
    if expired:
        return warn(name, found, "remove expired keys with python -m client_api keys revoke ID")
    return ok(name, found)


def now_utc() -> datetime:
    """The current time in UTC, for `keys`."""
    return datetime.now(UTC)
