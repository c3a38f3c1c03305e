"""The rows of the dashboard, top to bottom."""

from schemas.slo import Slo
from slo.panels import model, service
from slo.panels.panel import RowSpec


def rows(slo: Slo) -> list[RowSpec]:
    """The whole dashboard, top to bottom."""
    return [
        RowSpec("Service levels", service.service_levels(slo)),
        RowSpec("Golden signals", service.golden_signals(slo)),
        RowSpec("Quality", service.quality(slo)),
        RowSpec("Model step", model.model_step()),
        RowSpec("Saturation", model.saturation()),
    ]
