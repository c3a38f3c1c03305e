"""Configuration and data files: reading and checking them, following changes, replacing them."""
