// Gauges, sparklines and bars as SVG. Each says in words what it shows.

/** The share of a budget that is left; overspent is an empty dial that says so. */
function dial(remaining, tone, label) {
  const left = Math.max(0, Math.min(100, remaining));
  const arc = "M 12 66 A 54 54 0 0 1 120 66";
  const over = remaining < 0;
  return svg("svg", { class: "dial", viewBox: "0 0 132 76", role: "img", "aria-label": label },
    svg("path", { class: "track", d: arc }),
    left > 0 ? svg("path", { class: `level tone-${tone}`, d: arc, pathLength: 100, "stroke-dasharray": `${left} 100` }) : null,
    svg("text", { class: "big", x: 66, y: 56, "text-anchor": "middle" }, over ? `−${number(-remaining)} %` : `${number(remaining, remaining > 99 && remaining < 100 ? 1 : 0)} %`),
    svg("text", { class: "small", x: 66, y: 71, "text-anchor": "middle" }, over ? "budget overspent" : "budget left"));
}

/** A curve with gaps where nothing happened. limit: drawn across; low, high: of the scale. */
function sparkline(series, label, { limit = null, low = 0, high = 1, area = false } = {}) {
  const width = 240, height = 44, pad = 3;
  const x = (i) => (series.length < 2 ? 0 : (i * width) / (series.length - 1));
  const y = (v) => height - pad - ((Math.min(high, Math.max(low, v)) - low) / (high - low || 1)) * (height - 2 * pad);
  let path = "", open = false;
  series.forEach((value, i) => {
    if (value === null) open = false;
    else {
      path += `${open ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
      // A point alone would not be drawn: a line of no length has round ends.
      if (!open && (series[i + 1] ?? null) === null) path += "h0.01";
      open = true;
    }
  });
  return svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    limit === null ? null : svg("line", { class: "limit", x1: 0, x2: width, y1: y(limit), y2: y(limit) }),
    area ? svg("path", { class: "area", d: `${path || "M0 0"}L${width} ${height}L0 ${height}Z` }) : null,
    svg("path", { class: "curve", d: path || "M0 0" }));
}

/** A line of text over a bar of parts. parts: [share 0..1, kind]. */
function bar(name, figure, parts, attributes = {}) {
  let from = 0;
  const pieces = parts.map(([share, kind]) => {
    const piece = svg("rect", { class: `fill-${kind}`, x: from, width: Math.max(0, 100 * share), height: 8 });
    from += 100 * share;
    return piece;
  });
  return el("div", { class: "bar", ...attributes },
    el("span", { class: "name" }, name), el("span", { class: "figure" }, figure),
    svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "bed", width: 100, height: 8 }), ...pieces));
}

const nothing = (text) => el("p", { class: "note" }, text);
