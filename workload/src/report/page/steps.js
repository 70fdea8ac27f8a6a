// The order, step by step: its rows, the slider, and what the keys hold.

const rows = [...document.querySelectorAll("#order tr")];
const slider = document.getElementById("step");
const holds = document.getElementById("holds");

/** Goes to a step, from 0, before anything, to the one that can't be taken. */
function go(step, show = true) {
  look.step = Math.max(0, Math.min(steps + 1, step));
  slider.value = look.step;
  const impossible = look.step > steps;
  const words = impossible ? "cannot go on" : `${look.step} of ${steps}`;
  document.getElementById("at").textContent = words;
  slider.setAttribute("aria-valuetext", words);
  rows.forEach((row, place) => {
    row.classList.toggle("now", place + 1 === look.step);
    row.classList.toggle("later", place + 1 > look.step && place < steps);
  });
  const row = rows[look.step - 1];
  const box = document.querySelector(".order .scroll");
  if (row) box.scrollTop = Math.min(Math.max(box.scrollTop, row.offsetTop + row.offsetHeight - box.clientHeight + 8), row.offsetTop - 40);
  fillState(impossible);
  if (show) revealIfHidden(impossible ? marked : operations[order[look.step - 1]?.operation]);
  draw();
}

function fillState(impossible) {
  const state = stateAfter(look.step);
  const changed = new Set(look.step > 0 && !impossible ? order[look.step - 1].changes.map(([key]) => key) : []);
  const asked = new Set(impossible ? marked.touches.map(([key]) => key) : []);
  const first = new Set([...changed, ...asked].filter(key => key !== null));
  document.getElementById("after").textContent = look.step === 0 ? "State at the beginning" : `State after ${steps === 0 ? "nothing" : `step ${Math.min(look.step, steps)}`}`;
  const named = [...first, ...[...state.keys()].filter(key => !first.has(key)).sort((a, b) => keys[a] < keys[b] ? -1 : 1)];
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

/** Tells about an operation, beside it. */
function choose(operation, show = false) {
  look.chosen = operation;
  const card = document.getElementById("card");
  card.hidden = !operation;
  if (show && operation) revealIfHidden(operation);
  draw();
  if (!operation) return;
  const line = (tag, text, name = "") => Object.assign(document.createElement(tag), { textContent: text, className: name });
  const { call, end, fate, step, server } = operation;
  const start = layout.times[0];
  const times = end ? `from ${duration(call[1] - start)} to ${duration(end[1] - start)}, ${duration(end[1] - call[1])} long` : `from ${duration(call[1] - start)} on`;
  const fates = { answered: "", failed: "It failed: nothing happened.", unknown: "Unknown: it may have happened at any time since, or never." };
  const head = line("p", `, client ${operation.client}${server ? ` on ${server}` : ""}`);
  head.prepend(line("b", `#${operation.id}`));
  const where = operation === marked ? line("p", "No order explains it.", "alarm")
    : line("p", step ? `Step ${step} of the order.` : operation.evidence ? "Not in the order." : "Not needed to show the violation.");
  card.replaceChildren(head, line("code", shorten(operation.command, 300)), line("code", `→ ${shorten(operation.outcome, 300)}`), line("p", times), where);
  if (fates[fate]) card.append(line("p", fates[fate]));
  const { bar, thick } = nodes.bars.get(operation);
  const scale = stage.clientWidth / look.width;
  const left = Math.max(GUTTER, Math.min(x(bar.from) * scale, stage.clientWidth - card.offsetWidth - 10));
  card.style.left = `${Math.max(4, left)}px`;
  card.style.top = `${(bar.y + thick + 14) * scale}px`;
}
