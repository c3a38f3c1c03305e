// Uses openapi-fetch with the types that openapi-typescript generates; arguments: URL and key.
// Prints the same JSON as use_python.py.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated.ts";

type MapRequest = components["schemas"]["MapRequest"];
type MapResponse = components["schemas"]["MapResponse"];
type Answered<T> = { data?: T; error?: unknown; response: Response };

const HATE: MapRequest = { detector: "openai-moderation", output: "hate" };

function expect<T>(answered: Answered<T>): T {
  if (answered.data === undefined) throw new Error(JSON.stringify(answered.error));
  return answered.data;
}

const [url, key] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl: url, headers: { "X-API-Key": key } });
const stranger = createClient<paths>({ baseUrl: url, headers: { "X-API-Key": "unknown" } });

const map = () =>
  client.POST("/map", {
    body: HATE,
    params: { header: { "X-Budget-Ms": 100, "Idempotency-Key": "one" } },
  });
const [first, again] = [await map(), await map()];
const event: MapResponse = expect(first);
const large: MapRequest = { detector: "openai-moderation", output: "hate ".repeat(20_000) };
const batch = expect(await client.POST("/map/batch", { body: { requests: [HATE, large] } }));
const refused = await stranger.POST("/map", { body: HATE });
const wrong = await client.POST("/map", { body: { ...HATE, threshold: 2 } });

console.log(
  JSON.stringify({
    labels: event.taxonomy,
    source: event.source,
    confidence: event.confidence,
    tenant: event.provenance.tenant_id,
    granted_ms: first.response.headers.get("X-Budget-Granted-Ms"),
    replayed: [first, again].map((x) => x.response.headers.get("Idempotent-Replayed")),
    batch: batch.results.map((x) => x?.taxonomy ?? null),
    errors: batch.errors.map((x) => [x.index, x.error_code, x.retryable]),
    refused: [refused.response.status, refused.error?.error_code, refused.error?.retryable],
    request_id: refused.response.headers.get("X-Request-ID") === refused.error?.request_id,
    wrong: [wrong.error?.status, wrong.error?.error_code],
  }),
);
