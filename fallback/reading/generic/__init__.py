"""Reads decoded outputs from their structure alone."""
