"""Whether a running stack keeps its service levels, by a real Prometheus and the document's own
queries: `python -m bench.slo`.
"""
