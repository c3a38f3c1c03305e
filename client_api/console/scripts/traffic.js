// The last five minutes by source, detector and reason.

const SOURCES = { model: "model", curated: "curated", rules: "rules", mixed: "mixed", none: "failed" };
const MOST_DETECTORS = 10;

function showTraffic(summary) {
  const { items, sources, detectors, history } = summary;
  mark($id("s-items"), "", number(items), el("small", {}, `${number(items / summary.window_s, 2)} a second`));
  // The last step is not over yet: its few items are no lower rate.
  const rates = history.items.slice(0, -1).map((n) => n / history.step_s);
  const top = Math.max(...rates);
  $id("rate").replaceChildren(
    sparkline(rates, `Items a second over five minutes, at most ${number(top, 1)}`, { high: top || 1, area: true }),
    nothing(items ? `at most ${number(top, 1)} a second; p50 ${measure(summary.latency_ms.p50, "ms")}, p95 ${measure(summary.latency_ms.p95, "ms")}, p99 ${measure(summary.latency_ms.p99, "ms")}` : "no items yet"));
  $id("sources").replaceChildren(el("div", { class: "bars" },
    ...Object.entries(SOURCES).filter(([key]) => key !== "none" || sources.none).map(([key, name]) =>
      bar(name, items ? `${number(sources[key])} · ${percent(sources[key] / items)}` : "0", [[items ? sources[key] / items : 0, key]]))));
  const shown = detectors.slice(0, MOST_DETECTORS), most = shown[0]?.items ?? 1;
  const rest = detectors.slice(MOST_DETECTORS).reduce((sum, d) => sum + d.items, 0);
  $id("by-detector").replaceChildren(...present([
    el("p", { class: "legend" }, ...Object.entries(SOURCES).map(([key, name]) =>
      el("span", {}, svg("svg", { viewBox: "0 0 8 8", "aria-hidden": "true" }, svg("rect", { class: `fill-${key}`, width: 8, height: 8 })), name))),
    shown.length ? el("div", { class: "bars" }, ...shown.map((d) =>
      bar(d.detector, `${number(d.items)} · ${percent(d.model / d.items)} model`, Object.keys(SOURCES).map((key) => [d[key] / most, key])))) : nothing("no items yet"),
    rest ? nothing(`and ${number(rest)} items of ${detectors.length - MOST_DETECTORS} more detectors`) : null,
  ]));
  const reasons = Object.entries(summary.fallback_reasons);
  $id("by-reason").replaceChildren(reasons.length ? el("div", { class: "bars" }, ...reasons.map(([reason, n]) =>
    bar(words(reason), `${number(n)} · ${percent(n / items)}`, [[n / items, "rules"]]))) : nothing(items ? "it stood every time" : "no items yet"));
}
