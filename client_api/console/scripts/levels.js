// Health, circuit, objectives with their budgets, and alerts.

const FEW_EVENTS = 20;

function showHealth(health) {
  const tone = { ready: "good", degraded: "warn" }[health.status] ?? "bad";
  mark($id("s-service"), tone, words(health.status));
  const canary = health.canary_age_s === null || health.canary_age_s === undefined ? "no canary yet" : `canary ${span(health.canary_age_s)} ago`;
  mark($id("s-model"), "", health.model ?? "none answered yet", el("small", {}, canary));
  if (health.mode) {
    const asked = (health.mode_asked_by ?? []).join(", ");
    mark($id("s-mode"), health.mode === "hybrid" ? "good" : "warn", words(health.mode), asked ? el("small", {}, `asked by ${asked}`) : null);
  }
  const reasons = [...(health.reasons ?? []), ...(health.detail ? [health.detail] : [])].join("; ");
  say($id("reasons"), reasons);
  $id("reasons").hidden = !reasons;
}

function showCircuit(state) {
  const tone = { closed: "good", half_open: "warn", open: "bad" }[state];
  const meaning = { closed: "the model is called", half_open: "one call tries the model", open: "the model is not called" }[state];
  mark($id("s-circuit"), tone, words(state), el("small", {}, meaning));
}

function showLevels(summary) {
  say($id("since"), ` (${span(summary.uptime_s)} ago)`);
  $id("gauges").replaceChildren(...summary.objectives.map(levelCard));
}

function levelCard(level) {
  const { budget, bound, objective, unit, value } = level;
  const sign = bound === "min" ? "≥" : "≤";
  const few = budget.events < FEW_EVENTS;
  const kept = value === null || (bound === "min" ? value >= objective : value <= objective);
  const left = budget.remaining_percent;
  const tone = budget.events === 0 ? "idle" : left < 0 ? "bad" : left < 25 ? "warn" : "good";
  const told = `${level.title}: ${left < 0 ? `budget overspent by ${number(-left)}` : `${number(left, 1)}`} % ${left < 0 ? "" : "of the error budget left"}`;
  const seen = level.series.filter((v) => v !== null);
  // A share lives near its objective: the scale shows what lies around it, latency all from 0.
  const room = unit === "ms" ? objective * 0.2 : bound === "min" ? (100 - objective) * 2 : objective;
  const low = bound === "min" ? Math.min(objective - room, ...seen) : 0;
  const high = bound === "min" ? 100 : Math.max(objective + room, ...seen);
  const range = seen.length ? `Last five minutes: from ${measure(Math.min(...seen), unit)} to ${measure(Math.max(...seen), unit)}` : "No events in the last five minutes";
  return el("article", { class: "gauge" },
    el("header", {}, el("h3", {}, level.title), el("span", { class: "goal" }, `objective ${sign} ${measure(objective, unit)}`)),
    dial(left, tone, told),
    el("p", { class: "facts" }, budget.events === 0 ? "no events yet" : `${number(budget.bad)} bad of ${number(budget.events)} events; ${budget.allowed_percent} % may be${few ? ". Few events: read with care" : ""}`),
    el("p", { class: "now" }, el("b", { class: kept ? "is-good" : "is-bad" }, value === null ? "–" : measure(value, unit)), el("span", {}, value === null ? "no events in 5 min" : kept ? "within the objective" : "outside the objective")),
    sparkline(level.series, range, { limit: objective, low, high }));
}

function showAlerts(body) {
  const key = JSON.stringify(body.alerts.map((a) => [a.metric, a.detector, Math.round(a.value)]));
  const box = $id("alerts");
  if (box.dataset.shown === key) return;
  box.dataset.shown = key;
  if (!body.count) {
    box.replaceChildren(el("p", { class: "quietly is-good" }, "No alert in the last five minutes."));
    return;
  }
  box.replaceChildren(...body.alerts.map((alert) => {
    const unit = alert.metric.endsWith("_ms") ? "ms" : "%";
    return el("p", { class: `notice ${alert.severity === "critical" ? "bad" : "warn"}` },
      el("b", { class: alert.severity === "critical" ? "is-bad" : "is-warn" }, `${alert.severity}: `),
      `${alert.message} (${words(alert.metric)} ${measure(alert.value, unit)}, threshold ${measure(alert.threshold, unit)}${alert.detector ? `, ${alert.detector}` : ""})`);
  }));
}
