"""Builds the contenders' files, once per export; runs in the export environment."""
