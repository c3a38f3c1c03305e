// Reads the service every few seconds while someone looks.

const EVERY_MS = 5000;
let paused = false, refused = false, reading = null, again = false;

/** Whether data may be asked for: with a key where one is needed, and not again with a bad one. */
const mayAsk = () => (!KEYS_IN_USE || apiKey !== "") && !refused;

/** One reading at a time; who asks during one gets another after it. */
function refresh() {
  if (reading) again = true;
  else {
    reading = read().finally(() => {
      reading = null;
      if (again) { again = false; refresh(); }
    });
  }
}

async function read() {
  const asked = apiKey;
  const [health, summary, alerts, versions] = await Promise.allSettled([
    call("/health"),
    ...(mayAsk() ? ["/metrics/summary", "/metrics/alerts", "/version"].map((path) => call(path)) : []),
  ]);
  if (asked !== apiKey) { again = true; return; }
  const known = health.value?.data ?? health.reason.body;
  showHealth(health.reason?.status === 0 ? { status: "no answer", detail: health.reason.message } : { ...known, status: known.status === undefined ? "not ready" : String(known.status) });
  if (known.mode) showMode(known.mode);
  if (versions?.value) showVersions(versions.value.data);
  if (alerts?.value) showAlerts(alerts.value.data);
  if (summary?.value) {
    const data = summary.value.data;
    showCircuit(data.circuit);
    showLevels(data);
    showTraffic(data);
    showShadow(data.shadow);
  }
  const problem = summary?.reason;
  if (problem && (problem.status === 401 || problem.status === 403)) refused = true;
  if (problem) locked(plainly(problem, "metrics:read"));
  else if (!mayAsk() && !refused) locked("This service asks for an API key. Enter one above: metrics:read shows service levels and traffic, map:write opens the playground, review the queue, admin the kill switch.");
  else if (!refused) locked("");
  say($id("updated"), `read at ${new Date().toLocaleTimeString()}`);
}

function locked(text) {
  say($id("locked"), text);
  $id("locked").hidden = !text;
  if (!text) return;
  showShadow(null);
  for (const id of ["s-circuit", "s-items"]) mark($id(id), "", "–");
  for (const id of ["gauges", "alerts", "rate", "sources", "by-detector", "by-reason", "versions"]) $id(id).replaceChildren();
  delete $id("alerts").dataset.shown;
}

async function loadDetectors() {
  if (!mayAsk()) return;
  try {
    const { data } = await call("/detectors");
    $id("detectors").replaceChildren(...data.detectors.map((d) => el("option", { value: d.detector })));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;  // the names only help to type
  }
}

function useKey(key) {
  apiKey = key;
  refused = false;
  $id("key").value = "";
  $id("key-forget").hidden = key === "";
  say($id("key-note"), key ? "A key is in use. Kept in this page's memory only; gone when you leave." : "Kept in this page's memory only; gone when you leave.");
  loadDetectors();
  loadReview();
  loadDrift();
  refresh();
}

$id("key-form").hidden = !KEYS_IN_USE;
$id("key-form").addEventListener("submit", (event) => { event.preventDefault(); useKey($id("key").value.trim()); });
$id("key-forget").addEventListener("click", () => { useKey(""); $id("key").focus(); });
$id("pause").addEventListener("click", () => {
  paused = !paused;
  $id("pause").setAttribute("aria-pressed", String(paused));
  if (!paused) refresh();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused) refresh(); });
setInterval(() => { if (!paused && !document.hidden) refresh(); }, EVERY_MS);
setUpPlayground();
setUpSwitch();
setUpReview();
loadDetectors();
refresh();
