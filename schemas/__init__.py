"""The public contract and the data files: taxonomy, event, requests, frameworks, policies, SLOs.

The lowest package: it imports no other of the project.
"""
