"""Triton without the facade, under NVIDIA's own load generator."""
