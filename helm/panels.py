"""The rows of the dashboard, top to bottom."""

from helm import model_panels, service_panels
from helm.panel import RowSpec
from schemas.slo import Slo


def rows(slo: Slo) -> list[RowSpec]:
    """The whole dashboard, top to bottom."""
    return [
        RowSpec("Service levels", service_panels.service_levels(slo)),
        RowSpec("Golden signals", service_panels.golden_signals(slo)),
        RowSpec("Quality", service_panels.quality()),
        RowSpec("Model step", model_panels.model_step()),
        RowSpec("Saturation", model_panels.saturation()),
    ]
