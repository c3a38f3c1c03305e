// Maps what is typed, and shows the way from signals to the event.

const REASONS = {
  rules_only: "the kill switch is on; the model was not called",
  overloaded: "every place at the model was taken",
  model_error: "the model failed or could not be reached",
  timeout: "the model did not answer within the budget",
  invalid_json: "the model's answer was not JSON",
  schema_invalid: "the model's answer had the wrong shape",
  unknown_label: "the model named a label that the taxonomy lacks",
  unsafe_downgrade: "the model cleared what the detector flagged",
  injection: "the text speaks to its reader and names a label",
  unread: "a part of the output could not be read",
  low_confidence: "the model was not sure enough",
};
const UNASKED = new Set(["rules_only", "overloaded", "model_error", "timeout", "unread"]);
const HOW = {
  declared: "by a declared format of the detector",
  generic: "by its structure",
  text: "as text",
};
const RULES = {
  own_exact: "the detector's own entry, exactly",
  own_normalised: "the detector's own entry, by normalised spelling",
  verdict: "a verdict on the output as a whole",
  alias: "an alias that detectors share",
  none: "no curated entry",
};
const EXAMPLES = JSON.parse($id("examples-data").textContent);

function setUpPlayground() {
  $id("examples").append(...EXAMPLES.map((example, i) => {
    const button = el("button", { type: "button", "aria-pressed": "false" }, example.title);
    button.addEventListener("click", () => choose(i));
    return button;
  }));
  $id("map-form").addEventListener("submit", (event) => { event.preventDefault(); mapIt(); });
  $id("output").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $id("map-form").requestSubmit();
  });
  for (const id of ["detector", "output", "threshold"]) $id(id).addEventListener("input", () => { press(-1); showCurl(); });
  $id("copy").addEventListener("click", copyCurl);
  choose(0);
}

function press(chosen) {
  [...$id("examples").children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === chosen)));
  say($id("example-note"), chosen < 0 ? "" : EXAMPLES[chosen].note);
}

function choose(i) {
  $id("detector").value = EXAMPLES[i].detector;
  const parsed = asJson(EXAMPLES[i].output);
  $id("output").value = parsed === null ? EXAMPLES[i].output : JSON.stringify(parsed, null, 1);
  press(i);
  showCurl();
}

/** The object or array that a text is; null for any other text. */
function asJson(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function requestBody() {
  const text = $id("output").value, threshold = $id("threshold").valueAsNumber;
  const body = { detector: $id("detector").value, output: asJson(text) ?? text };
  return Number.isNaN(threshold) ? body : { ...body, threshold };
}

function showCurl() {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const key = KEYS_IN_USE ? ` \\\n  -H "X-API-Key: $MAPPER_KEY"` : "";
  $id("curl").textContent = `curl -s ${quoted(`${location.origin}/map?explain=true`)} \\\n  -H 'Content-Type: application/json'${key} \\\n  -d ${quoted(JSON.stringify(requestBody()))}`;
  say($id("copied"), "");
}

async function copyCurl() {
  try {
    await navigator.clipboard.writeText($id("curl").textContent);
    say($id("copied"), "copied");
  } catch {
    // Without HTTPS a page may not write to the clipboard: the reader's own copy does.
    getSelection().selectAllChildren($id("curl"));
    say($id("copied"), "selected: press Ctrl+C");
  }
}

async function mapIt() {
  const button = $id("map");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  say($id("verdict"), "Mapping …");
  try {
    const { data, ms } = await call("/map?explain=true", { method: "POST", body: requestBody() });
    showAnswer(data, ms);
    refresh();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    $id("verdict").className = "verdict is-bad";
    say($id("verdict"), plainly(problem, "map:write"));
    $id("path").replaceChildren(problem.requestId ? nothing(`Request ${problem.requestId}`) : "");
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

function showAnswer(event, ms) {
  const by = { model: "the model", curated: "a curated entry", rules: "the rules", mixed: "several sources" }[event.source];
  $id("verdict").className = "verdict";
  say($id("verdict"), `${event.taxonomy.join(", ")} — by ${by}, ${percent(event.confidence)} sure, in ${number(ms)} ms${event.fallback_reason ? ` (${REASONS[event.fallback_reason]})` : ""}`);
  $id("path").replaceChildren(readingLine(event.reading), lineage(event.signals), eventCard(event, ms));
}

function readingLine(reading) {
  const parts = [`Read ${HOW[reading.how] ?? reading.how}`, reading.format];
  if (reading.envelopes.length) parts.push(`inside ${reading.envelopes.join(", ")}`);
  parts.push(reading.unread.length ? `not read: ${reading.unread.join(", ")}` : "everything was read");
  return el("p", { class: "controls", id: "reading" }, parts.filter(Boolean).join(" · "));
}

function lineage(signals) {
  const cell = (stage, ...children) => el("td", { role: "cell", "data-stage": stage }, ...children);
  const heads = ["1 Signal", "2 Candidate of the model", "3 Verdict"];
  return el("table", { class: "lineage", role: "table" },
    el("caption", { class: "sr" }, "Each signal, what the model said to it, and what stands"),
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, ...heads.map((head) => el("th", { role: "columnheader", scope: "col" }, head)))),
    el("tbody", { role: "rowgroup" }, ...signals.map((signal) => el("tr", { role: "row" },
      cell(heads[0], ...signalFacts(signal)), cell(heads[1], ...candidateFacts(signal)), cell(heads[2], ...verdictFacts(signal))))));
}

function signalFacts(signal) {
  const facts = [signal.score === null ? "" : `score ${signal.score}`, { true: "flagged", false: "not flagged" }[signal.flagged] ?? ""];
  return [el("span", { class: "label" }, signal.name || "(no name)"), el("span", { class: "aside" }, facts.filter(Boolean).join(", "))];
}

function candidateFacts(signal) {
  const said = signal.source === "model" ? signal.labels : signal.guess;
  if (said.length) return said.map((label) => el("span", { class: "label" }, label));
  const why = UNASKED.has(signal.fallback_reason) || signal.fallback_reason === null ? "none" : "not usable";
  return [el("span", { class: "aside" }, `${why}: ${REASONS[signal.fallback_reason] ?? "beyond the signals that reach the model"}`)];
}

function verdictFacts(signal) {
  const facts = [signal.fallback_reason && !UNASKED.has(signal.fallback_reason) ? REASONS[signal.fallback_reason] : "", `rules: ${RULES[signal.rule] ?? signal.rule}`];
  return [
    ...signal.labels.map((label) => el("span", { class: "label" }, label)),
    el("span", { class: `badge by-${signal.source}` }, signal.source), ` ${percent(signal.confidence)} sure`,
    ...facts.filter(Boolean).map((fact) => el("span", { class: "aside" }, fact)),
  ];
}

function eventCard(event, ms) {
  const frameworks = Object.entries(event.policy_context?.frameworks ?? {});
  return el("div", { class: `event ${event.source}` },
    el("h3", {}, "4 Event"),
    el("div", { class: "bars" }, ...event.taxonomy.map((label) =>
      bar(el("span", { class: "label" }, label), `score ${number(event.scores[label], 2)}`, [[event.scores[label], "plain"]])),
      bar(el("span", {}, el("span", { class: `badge by-${event.source}` }, event.source), " confidence that all of it is right"), percent(event.confidence), [[event.confidence, event.source]])),
    frameworks.length ? el("p", { class: "controls" }, "Controls: ", frameworks.map(([name, controls]) => `${name} ${controls.join(", ")}`).join(" · ")) : null,
    el("p", { class: "controls" }, `${event.notes}. Round trip ${number(ms)} ms; model ${event.version_info.model}; taxonomy ${event.version_info.taxonomy}.`),
    el("details", {}, el("summary", {}, "The answer as JSON"), el("pre", { tabindex: 0, role: "group", "aria-label": "The answer as JSON" }, JSON.stringify(event, null, 2))));
}
