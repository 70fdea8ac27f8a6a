// The order, step by step: the table, the slider, and the state of the keys.

const rows = [...document.querySelectorAll("#order tr")];
const slider = document.getElementById("step");
const holds = document.getElementById("holds");

/** Goes to a step. Step 0 is the beginning, and the last one is the unexplained operation. */
function go(step, show = true) {
  const before = look.step;
  look.step = Math.max(0, Math.min(steps + 1, step));
  bring(rows[look.step - 1]);
  markRows(Math.min(before, look.step), Math.max(before, look.step));
  slider.value = look.step;
  const impossible = look.step > steps;
  const words = impossible ? "unexplained" : `${look.step} of ${steps}`;
  document.getElementById("at").textContent = words;
  slider.setAttribute("aria-valuetext", words);
  fillState(impossible);
  const moved = show && revealIfHidden(impossible ? marked : operations[order[look.step - 1]?.operation]);
  if (moved) refresh();
  else drawStep();
}

/** Marks the current row and the later ones, among the rows between two steps. */
function markRows(first, last) {
  for (let step = Math.max(1, first); step <= last; step++) {
    rows[step - 1].classList.toggle("now", step === look.step);
    rows[step - 1].classList.toggle("later", step > look.step && step <= steps);
  }
}

/** Scrolls the table to a row. The page stays where it is. */
function bring(row) {
  const box = document.querySelector(".order .scroll");
  const [top, low] = row ? [row.offsetTop - 40, row.offsetTop + row.offsetHeight - box.clientHeight + 8] : [0, 0];
  box.scrollTop = Math.min(Math.max(box.scrollTop, low), Math.max(0, top));
}

function fillState(impossible) {
  const state = stateAfter(look.step);
  const changed = new Set(look.step > 0 && !impossible ? order[look.step - 1].changes.map(([key]) => key) : []);
  const asked = new Set(impossible ? marked.touches.map(([key]) => key) : []);
  const first = new Set([...changed, ...asked].filter(key => key !== null));
  document.getElementById("after").textContent = look.step === 0 ? "State at the beginning" : `State after ${steps === 0 ? "nothing" : `step ${Math.min(look.step, steps)}`}`;
  const named = [...first, ...[...state.keys()].filter(key => !first.has(key)).sort(byName)];
  holds.replaceChildren(...named.map(key => {
    const row = document.createElement("tr");
    row.classList.toggle("changed", first.has(key));
    const [name, held] = [document.createElement("td"), document.createElement("td")];
    const chip = document.createElement("code");
    const value = state.get(key) ?? null;
    name.append(Object.assign(document.createElement("code"), { textContent: keys[key] }));
    chip.textContent = value === null ? "absent" : values[value];
    chip.className = value === null ? "chip absent" : "chip";
    if (value !== null) chip.style.setProperty("--hue", hue(look.colour === "value" ? value : key));
    held.append(chip);
    row.append(name, held);
    return row;
  }));
  if (named.length === 0) holds.append(Object.assign(document.createElement("tr"), { innerHTML: "<td>Every key is absent.</td>" }));
}

/** Chooses an operation and shows its card. */
function choose(operation, show = false) {
  look.chosen = operation;
  const card = document.getElementById("card");
  card.hidden = !operation;
  if (show && operation && revealIfHidden(operation)) draw();
  else emphasize();
  if (operation) tell(operation, card);
}

/** Fills the card and puts it below its operation. */
function tell(operation, card) {
  const line = (tag, text, name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
  const { call, end, fate, step, server } = operation;
  const times = end ? `from ${duration(call[1])} to ${duration(end[1])}, ${duration(end[1] - call[1])} long` : `from ${duration(call[1])} on`;
  const fates = { answered: "", failed: "It failed: nothing happened.", unknown: "Unknown: it may have happened at any time since, or never." };
  const head = line("p", `, client ${operation.client}${server ? ` on ${server}` : ""}`);
  head.prepend(line("b", `#${operation.id}`));
  const where = operation === marked ? line("p", "No order explains it.", "alarm")
    : line("p", step ? `Step ${step} of the order.` : operation.evidence ? "Not in the order." : "Not part of the proof.");
  card.replaceChildren(head, line("code", shorten(operation.command, 300)), line("code", `→ ${shorten(operation.outcome, 300)}`), line("p", times), where);
  if (fates[fate]) card.append(line("p", fates[fate]));
  const { bar, thick } = nodes.bars.get(operation);
  const scale = stage.clientWidth / look.width;
  const left = Math.max(GUTTER, Math.min(x(bar.from) * scale, stage.clientWidth - card.offsetWidth - 10));
  card.style.left = `${Math.max(4, left)}px`;
  card.style.top = `${(bar.y + thick + 14) * scale}px`;
}
