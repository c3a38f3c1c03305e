"""Load for measurements: the generated traffic, and an open-loop driver for it."""
