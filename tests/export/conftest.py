"""Without the export environment (no torch) these tests are not collected."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["*"]
