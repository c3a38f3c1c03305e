// Calls to the service this page came from. The key lives in this variable and nowhere else.

const KEYS_IN_USE = document.documentElement.dataset.keys === "yes";
let apiKey = "";

/** A refusal or failure, as the service words it; status 0 when nobody answered. */
class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail ?? "the service did not answer; is it running?");
    this.status = status;
    this.title = body.title ?? (status ? `Status ${status}` : "No answer");
    this.requestId = body.request_id ?? "";
    this.body = body;
  }
}

/** Resolves to { data, ms }, ms being the round trip from here; rejects with a Problem. */
async function call(path, { method = "GET", body } = {}) {
  const headers = { Accept: "application/json" };
  if (apiKey) headers["X-API-Key"] = apiKey;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const started = performance.now();
  let response, data;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
    });
    data = await response.json();
  } catch {
    throw new Problem(response?.status ?? 0);
  }
  if (!response.ok) throw new Problem(response.status, data);
  return { data, ms: performance.now() - started };
}

/** What a problem means to who reads this page. */
function plainly(problem, scope) {
  if (problem.status === 401) return apiKey ? "The key is unknown, revoked or expired." : `This needs an API key with the scope ${scope}.`;
  if (problem.status === 403) return `The key is good, but lacks the scope ${scope}.`;
  return `${problem.title}: ${problem.message}`;
}
