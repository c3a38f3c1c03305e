// How a candidate's answers compare with the served ones, while a shadow is on.

const COMPARED = { same: "same", partial: "in part", different: "different", unanswered: "no answer" };

function showShadow(shadow) {
  $id("shadow").hidden = !shadow;
  if (!shadow) return;
  const ms = (value) => (value === null ? "–" : measure(value, "ms"));
  const { detectors, dropped } = shadow;
  const heads = ["Detector", ...Object.values(COMPARED), "Confidence", "Served", "Candidate"];
  $id("shadow-table").replaceChildren(
    nothing(`Version ${shadow.version} answers ${percent(shadow.share)} of the items too; callers do not get its answers. ${number(dropped)} items were left out, as live ones came first.`),
    detectors.length ? el("table", {},
      el("thead", {}, el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, ...detectors.map((d) => el("tr", {},
        el("th", { scope: "row" }, d.detector),
        ...Object.keys(COMPARED).map((key) => el("td", {}, number(d[key]))),
        el("td", {}, d.confidence_shift === null ? "–" : `${d.confidence_shift < 0 ? "−" : "+"}${number(Math.abs(d.confidence_shift), 3)}`),
        el("td", {}, ms(d.served_ms)), el("td", {}, ms(d.candidate_ms)))))) : nothing("nothing compared yet"));
}
