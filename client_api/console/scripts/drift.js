// What became of each detector's items in the last days, beside the review queue.

const OUTCOMES = { unknown: "Unknown", low_confidence: "Unsure", overridden: "Curation differs", unread: "Not read" };

async function loadDrift() {
  if (!REVIEW_ON || !mayAsk()) return;
  try {
    const { data } = await call("/review/drift?limit=50");
    showDrift(data.detectors);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    $id("drift-table").replaceChildren(nothing(plainly(problem, "review")));
  }
}

function showDrift(detectors) {
  const percentOr = (share) => (share === null ? "–" : percent(share));
  const change = ({ reference, share, drifted }) =>
    el("td", {}, `${percentOr(reference)} → ${percentOr(share)}`, drifted ? el("strong", {}, " drifted") : null);
  const heads = ["Detector", "Items", "The week before", "New words", ...Object.values(OUTCOMES)];
  $id("drift-table").replaceChildren(detectors.length ? el("table", {},
    el("thead", {}, el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, ...detectors.map((one) => el("tr", {},
      el("th", { scope: "row" }, one.detector),
      ...[one.items, one.reference_items, one.new_words].map((count) => el("td", {}, number(count))),
      ...Object.keys(OUTCOMES).map((key) => change(one.shares[key])))))) : nothing("no items yet"));
}
