"""Load for whatever is measured: the one generated traffic, and an open-loop driver for it."""
