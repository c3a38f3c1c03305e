"""The endpoints, a router for each resource."""
