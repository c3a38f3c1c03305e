"""Time, memory and size of `mapper evidence`."""
