"""Whether a running stack meets its service levels, by a real Prometheus and the contract's
queries: `python -m bench.slo`.
"""
