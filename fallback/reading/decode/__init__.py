"""Text to plain values: every notation in which detectors print their results.

`decode` is the entry point. Formats: `text`, `json`, `json-lines`, `literal` (Python, JavaScript,
Ruby, Java, Go, and JSON with faults), `documents` (several literals), `embedded` (structure in
prose), `sse`, `http`, `protobuf`, `yaml`, `key-value`, `logfmt`, `ini`, `csv`, `table`, `markup`,
`spans`.
"""

from fallback.reading.decode.reader import Decoded, decode, entry_of
from fallback.reading.decode.sanitize import MARK
from fallback.reading.decode.thoughts import REASONING

__all__ = ["MARK", "REASONING", "Decoded", "decode", "entry_of"]
