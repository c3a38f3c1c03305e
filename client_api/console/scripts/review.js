// The review queue: one word after another, one key each.

const KEYS_OF = { a: "accept", c: "correct", i: "ignore", l: "later" };
const CAUSES = { low_confidence: "unsure", unread: "not read", overridden: "curation differs", downgraded: "cleared a finding" };
const REVIEW_ON = document.documentElement.dataset.review === "yes";
let lastDone = null;

function setUpReview() {
  $id("review").hidden = $id("review-link").hidden = !REVIEW_ON;
  if (!REVIEW_ON) return;
  $id("review-state").addEventListener("change", loadReview);
  $id("review-again").addEventListener("click", () => { loadReview(); loadDrift(); });
  $id("review-undo").addEventListener("click", undoLast);
  $id("review-words").addEventListener("keydown", onReviewKey);
  $id("correct-no").addEventListener("click", () => $id("correct").close());
  $id("correct-form").addEventListener("submit", (event) => {
    event.preventDefault();
    $id("correct").close();
    const labels = $id("correct-labels").value.split(/[\s,]+/).filter(Boolean);
    decide(cardOf($id("correct").dataset.word), "correct", labels);
  });
  loadReview();
  loadDrift();
}

async function loadReview() {
  if (!REVIEW_ON || !mayAsk()) return;
  try {
    const { data } = await call(`/review?state=${$id("review-state").value}&limit=50`);
    $id("review-words").replaceChildren(...data.words.map(wordCard));
    say($id("review-counts"), Object.entries(data.counts).map(([name, count]) => `${number(count)} ${name}`).join(", "));
    say($id("review-result"), "");
    if (!$id("labels").childElementCount) await loadLabels();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    $id("review-words").replaceChildren();
    say($id("review-result"), plainly(problem, "review"));
  }
}

async function loadLabels() {
  const { data } = await call("/taxonomy");
  $id("labels").replaceChildren(...data.labels.map((label) => el("option", { value: label.name })));
}

const nameOf = (word) => word.word || "(a part that was not read)";
const cardOf = (id) => [...$id("review-words").children].find((card) => card.dataset.id === String(id));

function wordCard(word) {
  const why = Object.entries(word.causes).map(([cause, count]) => `${CAUSES[cause] ?? cause} ${number(count)}×`).join(", ");
  const button = (action, key, enabled = true) => {
    const made = el("button", { type: "button", class: "quiet", disabled: !enabled }, `${action[0].toUpperCase()}${action.slice(1)} `, el("kbd", {}, key));
    made.addEventListener("click", () => decideBy(card, action));
    return made;
  };
  const labels = (title, names) => names.length ? el("p", {}, el("span", { class: "aside" }, title), ...names.map((name) => el("span", { class: "label" }, name))) : null;
  const guess = ({ labels, probability }, i) => {
    const made = el("button", { type: "button", class: "quiet" }, `${labels.join(", ")} ${percent(probability)} `, el("kbd", {}, String(i + 1)));
    made.addEventListener("click", () => decide(card, "correct", labels));
    return made;
  };
  const near = (texts) => texts.length ? el("p", {}, el("span", { class: "aside" }, "nearest known phrases"), ...texts.map(({ phrase, labels: names, similarity }) => el("span", { class: "aside" }, `“${phrase}” is ${names.join(", ")} (${similarity.toFixed(2)})`))) : null;
  const nameable = word.kept && word.word !== "";
  const card = el("li", { tabindex: 0, "data-id": word.id, "aria-label": `${nameOf(word)} of ${word.detector}` },
    el("div", {}, el("span", { class: "label" }, nameOf(word)),
      el("span", { class: "aside" }, `${word.detector}${word.tenant ? `, tenant ${word.tenant}` : ""} · seen ${number(word.seen)}× · ${why}`),
      nameable ? null : el("span", { class: "aside" }, word.word ? "its name was not kept" : "declare its format")),
    el("div", {}, labels("proposal", word.proposal), labels("decided", word.decided), labels("answered", word.labels), nameable && word.likely.length ? el("p", {}, el("span", { class: "aside" }, "the model's guesses"), ...word.likely.map(guess)) : labels("the model's guess", word.guess), near(word.neighbours)),
    el("div", { class: "row" }, button("accept", "a", word.proposal.length > 0), button("correct", "c", nameable), button("ignore", "i"), button("later", "l"),
      word.state === "open" ? null : button("undo", "u")));
  card.word = word;
  return card;
}

function onReviewKey(event) {
  const card = event.target.closest("li");
  if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (step) (step > 0 ? card.nextElementSibling : card.previousElementSibling)?.focus();
  else if (KEYS_OF[event.key]) decideBy(card, KEYS_OF[event.key]);
  else if (card.word.kept && card.word.word && card.word.likely[event.key - 1]) decide(card, "correct", card.word.likely[event.key - 1].labels);
  else if (event.key === "u") card.word.state === "open" ? undoLast() : decide(card, "undo");
  else return;
  event.preventDefault();
}

function decideBy(card, action) {
  if (action !== "correct") { decide(card, action); return; }
  $id("correct").dataset.word = card.dataset.id;
  say($id("correct-h"), `Labels of ${nameOf(card.word)}`);
  $id("correct-labels").value = card.word.decided.concat(card.word.proposal)[0] ?? "";
  $id("correct").showModal();
}

async function decide(card, action, labels = []) {
  if (!card) return;
  const body = { action, version: card.word.version, labels, reviewer: $id("reviewer").value.trim(), why: $id("review-why").value.trim() };
  try {
    const { data } = await call(`/review/${card.word.id}`, { method: "POST", body });
    lastDone = action === "undo" ? null : data;
    $id("review-undo").disabled = lastDone === null;
    const next = card.nextElementSibling ?? card.previousElementSibling;
    card.remove();
    (next ?? $id("review-again")).focus();
    say($id("review-result"), `${nameOf(data)}: ${data.decided.length ? data.decided.join(", ") : data.state}`);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 409) {
      card.replaceWith(wordCard(problem.body.word));
      cardOf(problem.body.word.id).focus();
      const by = problem.body.word.history[0]?.by ?? "someone";
      say($id("review-result"), `${by} decided in the meantime: ${problem.body.word.decided.join(", ") || problem.body.word.state}. Look again.`);
    } else say($id("review-result"), plainly(problem, "review"));
  }
}

async function undoLast() {
  if (lastDone === null) return;
  try {
    const { data } = await call(`/review/${lastDone.id}`, { method: "POST", body: { action: "undo", version: lastDone.version, reviewer: $id("reviewer").value.trim() } });
    lastDone = null;
    $id("review-undo").disabled = true;
    await loadReview();
    say($id("review-result"), `${nameOf(data)}: undone`);
    cardOf(data.id)?.focus();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    say($id("review-result"), plainly(problem, "review"));
  }
}
