"""What is made from `schemas/slo.yaml`: Prometheus rules, the dashboard, tables of docs/."""
