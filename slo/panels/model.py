"""The panels on how it is done: the model's step in Triton, and what is running full."""

from typing import Final

from slo.panels.panel import FACADE, RATE, SECONDS, TRITON, PanelSpec, Query, rate_by

_MODEL: Final = f'{TRITON}, model="llama_mapper"'
_STEP: Final = "mapper_ensemble_model"


def model_step() -> list[PanelSpec]:
    runs = f"sum(rate(nv_inference_exec_count{{{_MODEL}}}{RATE}))"
    answered = f"sum(rate(nv_inference_request_success{{{_MODEL}}}{RATE}))"
    failed = f"rate(nv_inference_request_failure{{{TRITON}}}{RATE})"
    return [
        PanelSpec(
            "Answers by model version",
            "Items that reached the model, Triton's count.",
            "reqps",
            [
                Query(
                    f"sum by (version) (rate(nv_inference_count{{{_MODEL}}}{RATE}))",
                    "v{{version}}",
                )
            ],
        ),
        PanelSpec(
            "Items in a model run",
            "Mean number of items that the dynamic batcher puts into one run.",
            "short",
            [Query(f"sum(rate(nv_inference_count{{{_MODEL}}}{RATE})) / {runs}", "items")],
        ),
        PanelSpec(
            "Time in the model step",
            "Mean of a request: waiting in Triton's queue, and being computed.",
            "µs",
            [
                Query(f"sum(rate(nv_inference_{part}_us{{{_MODEL}}}{RATE})) / {answered}", legend)
                for part, legend in (
                    ("queue_duration", "queue"),
                    ("compute_infer_duration", "compute"),
                )
            ],
        ),
        PanelSpec(
            "Passes per answer",
            "Forward passes per finished answer; 1 if an answer is one token.",
            "short",
            [
                Query(
                    f"{_step('passes_total')} / {_step('answers_total', 'status', 'ok')}", "passes"
                )
            ],
        ),
        PanelSpec(
            "Drafts accepted",
            "Share of drafted signals whose curated answer was the model's own answer.",
            "percentunit",
            [
                Query(
                    f"{_step('drafts_total', 'result', 'accepted')} / {_step('drafts_total')}",
                    "accepted",
                )
            ],
        ),
        PanelSpec(
            "Cache hit ratio",
            "Share of signals that the cache answered, or an equal signal of the same batch.",
            "percentunit",
            [
                Query(f"{_step('cache_total', 'result', result)} / {_step('cache_total')}", legend)
                for result, legend in (("hit", "cache"), ("shared", "same batch"))
            ],
        ),
        PanelSpec(
            "Signals for the model",
            "Signals that no cache answered, by status.",
            "reqps",
            [
                Query(
                    f"sum by (status) (rate({_STEP}_answers_total{{{TRITON}}}{RATE}))", "{{status}}"
                )
            ],
        ),
        PanelSpec(
            "Signals in a batch",
            "Mean of the signals that the model answers in one batch.",
            "short",
            [Query(f"{_step('batch_rows_sum')} / {_step('batch_rows_count')}", "signals")],
        ),
        PanelSpec(
            "Time of a batch",
            "From the model's first pass for a batch to its last answer.",
            "s",
            [
                Query(
                    f"histogram_quantile({q}, sum by (le) "
                    f"(rate({_STEP}_batch_seconds_bucket{{{TRITON}}}{RATE})))",
                    legend,
                )
                for q, legend in ((0.5, "p50"), (0.95, "p95"))
            ],
        ),
        PanelSpec(
            "Queue",
            "Requests that wait in Triton, by step of the ensemble.",
            "short",
            [
                Query(
                    f"sum by (model) (nv_inference_pending_request_count{{{TRITON}}})", "{{model}}"
                )
            ],
        ),
        PanelSpec(
            "Failures in Triton",
            "By step and reason; a failed step is counted for the ensemble as well.",
            "reqps",
            [Query(f"sum by (model, reason) ({failed})", "{{model}} {{reason}}")],
        ),
        PanelSpec(
            "Decided by the ensemble",
            "Items of all callers, callers of Triton included, and their fallbacks.",
            "reqps",
            [
                Query(f"sum(rate({name}{{{TRITON}}}{RATE}))", legend)
                for name, legend in (
                    ("mapper_ensemble_requests_total", "items"),
                    ("mapper_ensemble_fallback_total", "fallbacks"),
                )
            ],
        ),
        PanelSpec(
            "Served versions",
            "Pods by served versions.",
            "short",
            [
                Query(
                    f"count by (version, model, rules, taxonomy) (mapper_build_info{{{FACADE}}})",
                    "{{model}}, rules {{rules}}, taxonomy {{taxonomy}}",
                )
            ],
            24,
        ),
    ]


def _step(metric: str, label: str = "", value: str = "") -> str:
    """Counts of the model step per second, of one label value or of all."""
    chosen = f', {label}="{value}"' if label else ""
    return f"sum(rate({_STEP}_{metric}{{{TRITON}{chosen}}}{RATE}))"


def saturation() -> list[PanelSpec]:
    return [
        PanelSpec(
            "Items in work",
            "Mean concurrency, which the capacity plan computes from RPS and latency.",
            "short",
            [Query(f"sum(rate({SECONDS}_sum{{{FACADE}}}{RATE}))", "items")],
        ),
        PanelSpec(
            "Refused by the model",
            "Items that the rules answered because the model was overloaded, late or lost.",
            "reqps",
            [
                Query(
                    "sum by (reason) (rate(mapper_fallback_total"
                    f'{{reason=~"overloaded|timeout|model_error", {FACADE}}}{RATE}))',
                    "{{reason}}",
                )
            ],
        ),
        PanelSpec(
            "CPU of Triton's machine",
            "Busy share of all its cores; the HPA scales out at 60 to 70 %.",
            "percentunit",
            [Query(f"avg by (instance) (nv_cpu_utilization{{{TRITON}}})", "{{instance}}")],
        ),
        PanelSpec(
            "Memory of Triton's machine",
            "Used share of all of it.",
            "percentunit",
            [
                Query(
                    f"avg by (instance) (nv_cpu_memory_used_bytes{{{TRITON}}} / "
                    f"nv_cpu_memory_total_bytes{{{TRITON}}})",
                    "{{instance}}",
                )
            ],
        ),
        PanelSpec(
            "Circuit to Triton",
            "0 closed: the model is called; 1 half open: one call tries it; 2 open: the rules "
            "answer.",
            "none",
            [Query(f"max by (instance) (mapper_circuit_state{{{FACADE}}})", "{{instance}}")],
        ),
        PanelSpec(
            "Mode",
            "Pods in each mode; `rules_only`: the kill switch is on.",
            "short",
            [Query(f"sum by (mode) (mapper_mode{{{FACADE}}})", "{{mode}}")],
        ),
        PanelSpec(
            "Redis outages",
            "Requests answered without the state that pods share there.",
            "reqps",
            [rate_by("mapper_shared_store_outages_total", "use")],
        ),
        PanelSpec(
            "Known items",
            "Items looked up in the cache of answers; a hit is answered without Triton.",
            "reqps",
            [rate_by("mapper_item_cache_total", "result")],
        ),
        PanelSpec(
            "Replays",
            "Requests answered with the stored answer of their idempotency key.",
            "reqps",
            [Query(f"sum(rate(mapper_idempotent_replays_total{{{FACADE}}}{RATE}))", "replays")],
        ),
        PanelSpec(
            "Shadow agreement",
            "Items that the candidate answered too, by comparison of its labels with those served.",
            "reqps",
            [rate_by("mapper_shadow_total", "agreement")],
        ),
        PanelSpec(
            "Shadow latency",
            "Mean time to an answer to the same items, of the served version and of the candidate.",
            "s",
            [
                Query(
                    f"sum by (version) (rate(mapper_shadow_latency_seconds_sum{{{FACADE}}}{RATE}))"
                    " / sum by (version)"
                    f" (rate(mapper_shadow_latency_seconds_count{{{FACADE}}}{RATE}))",
                    "{{version}}",
                )
            ],
        ),
        PanelSpec(
            "Review queue",
            "Words of answers that the review queue did not count.",
            "reqps",
            [Query(f"sum(rate(mapper_review_dropped_total{{{FACADE}}}{RATE}))", "dropped")],
        ),
        PanelSpec(
            "Event sink",
            "Answers whose events the sink did not store: they are lost.",
            "reqps",
            [Query(f"sum(rate(mapper_events_dropped_total{{{FACADE}}}{RATE}))", "dropped")],
        ),
    ]
