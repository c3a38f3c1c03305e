"""What makes the contenders' files, once for each export; runs in the export environment."""
