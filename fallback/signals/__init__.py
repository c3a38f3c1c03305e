"""Raw detector outputs as signals. `SignalReader` is the door."""

from fallback.signals.reader import SignalReader

__all__ = ["SignalReader"]
