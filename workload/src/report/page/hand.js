// Mouse and keyboard.

let printing = false;
const byId = id => document.getElementById(id);

/** Shows the part of the axis between two coordinates, within the history. */
function view(from, to) {
  const [start, end] = extent();
  const least = (end - start) / Math.max(4, layout.last * (look.axis === "events" ? 0.5 : 5000));
  const span = Math.min(end - start, Math.max(least, to - from));
  const middle = (from + to) / 2;
  look.from = Math.max(start, Math.min(middle - span / 2, end - span));
  look.to = look.from + span;
}

function zoom(factor, at = (look.from + look.to) / 2) {
  view(at - (at - look.from) * factor, at + (look.to - at) * factor);
  refresh();
}

function move(share) {
  const by = (look.to - look.from) * share;
  const [start, end] = extent();
  const step = Math.max(start - look.from, Math.min(by, end - look.to));
  view(look.from + step, look.to + step);
  refresh();
}

/** Draws again. The card stays with its operation. */
function refresh() {
  draw();
  choose(look.chosen);
}

/** Puts an operation in the middle, with `around` events around it. */
function reveal(operation, around = look.to - look.from) {
  const { from, seen } = nodes.bars.get(operation).bar;
  const middle = axis((from + seen) / 2);
  view(middle - around / 2, middle + around / 2);
}

/** Moves to an operation if it is out of view. Returns whether it was. */
function revealIfHidden(operation) {
  const node = operation && nodes.bars.get(operation);
  if (!node) return false;
  const [from, seen] = [axis(node.bar.from), axis(node.bar.seen)];
  const hidden = seen < look.from || from > look.to;
  if (hidden) reveal(operation);
  return hidden;
}

const placeAt = event => {
  const box = lanesSvg.getBoundingClientRect();
  const px = (event.clientX - box.left) / box.width * look.width;
  return look.from + Math.max(0, px - GUTTER) / (look.width - GUTTER) * (look.to - look.from);
};
const operationAt = target => {
  const group = target.closest?.(".bar");
  return group ? operations[Number(group.id.slice("operation-".length))] : null;
};

/** The neighbour of the chosen operation: in its lane, or the nearest one in the next lane. */
function neighbour(key) {
  if (!look.chosen) return marked;
  const { bar } = nodes.bars.get(look.chosen);
  const lane = layout.lanes.findIndex(lane => lane.bars.includes(bar));
  if (key === "ArrowLeft" || key === "ArrowRight") {
    const { bars } = layout.lanes[lane];
    return (bars[bars.indexOf(bar) + (key === "ArrowLeft" ? -1 : 1)] ?? bar).operation;
  }
  const other = layout.lanes[lane + (key === "ArrowUp" ? -1 : 1)];
  if (!other) return look.chosen;
  const far = ({ from, seen }) => Math.abs(from + seen - bar.from - bar.seen);
  return other.bars.reduce((best, next) => far(next) < far(best) ? next : best).operation;
}

const toStep = operation => { if (operation?.step) go(operation.step, false); };

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inField = event.target.matches("input, summary");
  const onStage = event.target === stage;
  const arrow = event.key.startsWith("Arrow");
  if (arrow && (inField || !onStage)) return;
  const does = {
    "+": () => zoom(0.6, centre()), "=": () => zoom(0.6, centre()), "-": () => zoom(1 / 0.6, centre()), "0": fit,
    j: () => go(look.step + 1), k: () => go(look.step - 1), m: () => { go(steps + 1); choose(marked, true); },
    Escape: () => choose(null), Enter: onStage ? () => toStep(look.chosen) : null,
  }[event.key] ?? (arrow && event.shiftKey ? () => move(event.key === "ArrowLeft" ? -0.25 : event.key === "ArrowRight" ? 0.25 : 0) : arrow ? () => choose(neighbour(event.key), true) : null);
  if (!does) return;
  event.preventDefault();
  does();
}

/** The centre of a zoom by key: the chosen operation if it is in view, else the middle. */
function centre() {
  const bar = look.chosen && nodes.bars.get(look.chosen)?.bar;
  const at = bar ? axis((bar.from + bar.seen) / 2) : NaN;
  return at >= look.from && at <= look.to ? at : (look.from + look.to) / 2;
}

function fit() {
  [look.from, look.to] = extent();
  refresh();
}

function followMouse() {
  let held = null;
  stage.addEventListener("pointerdown", event => { if (event.button === 0) held = { at: event.clientX, moved: false }; });
  stage.addEventListener("pointermove", event => {
    if (held && event.buttons & 1) {
      const by = event.clientX - held.at;
      if (!held.moved && Math.abs(by) < 4) return;
      if (!held.moved) stage.setPointerCapture(event.pointerId);
      held = { at: event.clientX, moved: true };
      stage.classList.add("held");
      return move(-by / (lanesSvg.getBoundingClientRect().width * (1 - GUTTER / look.width)));
    }
    const operation = operationAt(event.target);
    if (operation !== look.chosen) choose(operation);
  });
  stage.addEventListener("pointerup", event => {
    if (held && !held.moved) toStep(operationAt(event.target));
    held = null;
    stage.classList.remove("held");
  });
  stage.addEventListener("pointerleave", () => { if (!held && document.activeElement !== stage) choose(null); });
  stage.addEventListener("dblclick", event => zoom(0.5, placeAt(event)));
  stage.addEventListener("wheel", event => {
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.008), placeAt(event));
    else if (Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) move(sideways / look.width);
    else return;
    event.preventDefault();
  }, { passive: false });
  const across = event => {
    const box = overview.getBoundingClientRect();
    const share = ((event.clientX - box.left) / box.width * look.width - GUTTER) / (look.width - GUTTER);
    const [start, end] = extent();
    const [at, half] = [start + share * (end - start), (look.to - look.from) / 2];
    view(at - half, at + half);
    refresh();
  };
  overview.addEventListener("pointerdown", event => { overview.setPointerCapture(event.pointerId); across(event); });
  overview.addEventListener("pointermove", event => { if (event.buttons & 1) across(event); });
}

function followTools() {
  byId("in").onclick = () => zoom(0.6, centre());
  byId("out").onclick = () => zoom(1 / 0.6, centre());
  byId("fit").onclick = fit;
  byId("back").onclick = () => go(look.step - 1);
  byId("forth").onclick = () => go(look.step + 1);
  slider.oninput = () => go(Number(slider.value));
  rows.forEach((row, place) => { row.onclick = () => go(place + 1); });
  for (const input of document.querySelectorAll(".tools input")) {
    input.checked = input.defaultChecked; // the browser may remember another choice from an earlier visit
    input.onchange = () => {
      if (input.name === "colour") look.colour = input.value;
      if (input.name === "axis") look.axis = input.value;
      if (input.name === "scope") look.all = input.value === "all";
      if (!look.all && look.chosen && !look.chosen.evidence) look.chosen = null;
      if (input.name === "colour") colour();
      else build();
      fillState(look.step > steps);
      refresh();
    };
  }
}

for (const id of ["chart", "stepper", "state"]) byId(id).hidden = false;
byId("scope").hidden = operations.every(operation => operation.evidence);
byId("order").classList.add("live");
slider.max = steps + 1;
build();
followMouse();
followTools();
document.addEventListener("keydown", press);
addEventListener("resize", refresh);
const print = on => () => {
  printing = on;
  if (on) look.chosen = null;
  refresh();
};
addEventListener("beforeprint", print(true));
addEventListener("afterprint", print(false));
draw();
go(steps + 1);
