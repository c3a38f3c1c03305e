// The kill switch, and what is served.

function setUpSwitch() {
  $id("switch").addEventListener("click", () => {
    if ($id("switch").getAttribute("aria-checked") === "true") $id("confirm").showModal();
    else switchTo("hybrid");
  });
  $id("confirm-no").addEventListener("click", () => $id("confirm").close());
  $id("confirm-yes").addEventListener("click", () => { $id("confirm").close(); switchTo("rules_only"); });
}

function showMode(mode) {
  const button = $id("switch");
  button.disabled = KEYS_IN_USE && !apiKey;
  button.setAttribute("aria-checked", String(mode === "hybrid"));
  say($id("switch-state"), mode === "hybrid" ? "on (hybrid)" : "off (rules only)");
}

async function switchTo(mode) {
  const result = $id("switch-result");
  try {
    const { data } = await call("/admin/mode", { method: "PUT", body: { mode } });
    showMode(data.mode);
    say(result, data.mode === mode ? `Done: the mode is ${words(data.mode)}.` : "The mode stays rules only: the environment or the policy file asks for it.");
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    say(result, `Not switched. ${plainly(problem, "admin")}`);
  }
  refresh();
}

function showVersions(versions) {
  $id("versions").replaceChildren(...Object.entries(versions).flatMap(([name, value]) =>
    [el("dt", {}, name === "version" ? "service" : name), el("dd", {}, value ?? "none yet")]));
}
