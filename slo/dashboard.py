"""The Grafana dashboard: `slo.panels.rows` in Grafana's own JSON.

In: `schemas/slo.yaml`. Out: the JSON text that the chart ships and Grafana imports. Built with
Grafana's foundation SDK, which has the schema; `slo.panels.rows` has the contents.
"""

import json
from itertools import count
from typing import Final
from urllib.parse import urlsplit

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import BigValueGraphMode, LegendDisplayMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)

from schemas.slo import Slo
from slo.panels.panel import PanelSpec
from slo.panels.rows import rows

_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
_HEIGHT: Final = 8
_STAT_HEIGHT: Final = 5


def dashboard_file(slo: Slo) -> str:
    """The dashboard as JSON."""
    board = (
        dashboard.Dashboard("Llama Mapper: service levels")
        .uid(urlsplit(slo.links.dashboard).path.rpartition("/")[2])
        .description(f"Generated from schemas/slo.yaml by `python -m slo.generate`. {slo.owner}.")
        .tags(["llama-mapper", "slo"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-6h", "now")
        .link(
            dashboard.DashboardLink("Runbook")
            .type(DashboardLinkType.LINK)
            .url(slo.links.runbook)
            .target_blank(True)
        )
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
        )
        .with_variable(_jobs("job", "Facade", "mapper_requests_total"))
        .with_variable(_jobs("triton_job", "Triton", "nv_inference_count"))
    )
    ids = count(1)
    for row in rows(slo):
        board.with_row(dashboard.Row(row.title).id(next(ids)))
        for spec in row.panels:
            panel = _stat(spec) if spec.steps else _series(spec)
            board.with_panel(panel.id(next(ids)))
    return json.dumps(board.build(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def _jobs(name: str, label: str, metric: str) -> dashboard.QueryVariable:
    """The jobs that have the metric; all of them unless some are chosen."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(_SOURCE)
        .query(f"label_values({metric}, job)")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".+")
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


def _series(spec: PanelSpec) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(spec.title)
        .description(spec.description)
        .datasource(_SOURCE)
        .unit(spec.unit)
        .span(spec.width)
        .height(_HEIGHT)
        .axis_soft_min(0)
        .fill_opacity(8)
        .legend(common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).show_legend(True))
    )
    for target in _targets(spec):
        panel.with_target(target)
    return panel


def _stat(spec: PanelSpec) -> stat.Panel:
    steps = [Threshold(value=value, color=colour) for value, colour in spec.steps]
    panel = (
        stat.Panel()
        .title(spec.title)
        .description(spec.description)
        .datasource(_SOURCE)
        .unit(spec.unit)
        .span(spec.width)
        .height(_STAT_HEIGHT)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    )
    for target in _targets(spec):
        panel.with_target(target)
    return panel


def _targets(spec: PanelSpec) -> list[prometheus.Dataquery]:
    return [
        prometheus.Dataquery()
        .datasource(_SOURCE)
        .expr(query.expr)
        .legend_format(query.legend)
        .ref_id(chr(ord("A") + index))
        for index, query in enumerate(spec.queries)
    ]
