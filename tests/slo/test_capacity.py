"""The capacity plan is arithmetic; its page shows what the command prints."""

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.capacity import main, plan
from tests.slo.promtool import ROOT

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs/capacity.md"


def test_the_documents_example() -> None:
    """50 RPS at 0.25 s: 12.5 at once, one or two pods."""
    found = plan([50], 0.25)
    assert (found.concurrency, found.pods, found.hpa_min) == (12.5, 1, 2)


def test_tenants_add_up() -> None:
    assert plan([20, 30], 0.25) == plan([50], 0.25)
    assert plan([0.1] * 10, 0.25).rps == 1


@pytest.mark.parametrize(
    ("rps", "p95", "pod_rps", "target", "pods"),
    [
        (400, 0.25, None, 70, 1),  # 100 at once, just what a pod takes
        (401, 0.25, None, 70, 2),
        (120, 0.25, 60, 70, 2),
        (121, 0.25, 60, 70, 3),
        (120, 0.25, 60, 60, 3),  # a cooler pod does less
        (1000, 1.0, 1000, 70, 10),  # concurrency asks for more than the CPU
    ],
)
def test_whichever_asks_for_more_decides(
    rps: float, p95: float, pod_rps: float | None, target: int, pods: int
) -> None:
    assert plan([rps], p95, pod_rps=pod_rps, target=target).pods == pods


def test_the_autoscaler_reaches_the_peak() -> None:
    found = plan([200], 0.2, pod_rps=60, peak=3)
    assert (found.hpa_min, found.hpa_max) == (4, 10)


@given(
    st.lists(st.floats(0.01, 1e5), min_size=1, max_size=5),
    st.floats(0.001, 10),
    st.none() | st.floats(0.1, 1e4),
    st.integers(60, 70),
    st.floats(1, 10),
)
def test_a_plan_holds(
    rps: list[float], p95: float, pod_rps: float | None, target: int, peak: float
) -> None:
    found = plan(rps, p95, pod_rps=pod_rps, target=target, peak=peak)
    assert found.pods * 100 >= found.concurrency * (1 - 1e-6)
    if pod_rps is not None:
        assert found.pods * pod_rps * target / 70 >= found.rps * (1 - 1e-6)
    assert 2 <= found.hpa_min < found.hpa_max
    assert found.pods <= found.hpa_min


@pytest.mark.parametrize("arguments", ["--rps 0 --p95 0.25", "--rps 5 --p95 x", "--p95 0.25"])
def test_what_is_no_load_is_refused(arguments: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments.split())


def test_the_page_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    pairs = re.findall(
        r"```sh\npython -m slo\.capacity (.*?)\n```\n\n```text\n(.*?)```",
        PAGE.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert len(pairs) == 2
    for arguments, output in pairs:
        assert main(shlex.split(arguments)) == 0
        assert capsys.readouterr().out == output
