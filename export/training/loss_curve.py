"""The loss curve of a run as a picture.

In: the run's `log.jsonl`. Out: a PNG, drawn without a plotting library. Knows nothing of models.
"""

import json
import struct
import zlib
from pathlib import Path

_WIDTH, _HEIGHT, _MARGIN = 800, 400, 40
_WHITE, _GREY, _BLUE = b"\xff\xff\xff", b"\xc8\xc8\xc8", b"\x1f\x5f\xb4"


def draw_loss(log: Path, picture: Path) -> None:
    """Draw `loss` of every line of `log`, smoothed over 10 lines; linear axes from zero."""
    losses = [json.loads(line)["loss"] for line in log.read_text(encoding="utf-8").splitlines()]
    smooth = [sum(losses[max(0, i - 9) : i + 1]) / min(i + 1, 10) for i in range(len(losses))]
    top = max(smooth, default=1.0)
    pixels = [bytearray(_WHITE * _WIDTH) for _ in range(_HEIGHT)]
    right, bottom = _WIDTH - _MARGIN, _HEIGHT - _MARGIN
    for unit in range(int(top) + 1):
        y = round(bottom - unit / top * (bottom - _MARGIN))
        pixels[y][3 * _MARGIN : 3 * right] = _GREY * (right - _MARGIN)
    before = None
    for x in range(_MARGIN, right):
        value = smooth[(x - _MARGIN) * len(smooth) // (right - _MARGIN)] if smooth else 0.0
        y = round(bottom - value / top * (bottom - _MARGIN))
        for dot in range(min(y, before or y), max(y, before or y) + 2):
            pixels[dot][3 * x : 3 * x + 3] = _BLUE
        before = y
    picture.write_bytes(_png(pixels))


def _png(rows: list[bytearray]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    raw = b"".join(b"\x00" + bytes(row) for row in rows)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
