// Draws the lanes. An arrangement makes all nodes once. A zoom or a step only moves them and changes their classes.

const stage = document.getElementById("stage");
const lanesSvg = document.getElementById("lanes");
const overview = document.getElementById("overview");
const GUTTER = 92; // for the names of the lanes
const TOP = 34; // for the axis
const MOST_STRIPS = 5;
const LETTER = 7.3; // the width of a letter on a bar
const LEAST = 4; // a cut text with fewer letters says nothing

const look = { all: false, axis: "events", colour: "value", step: steps + 1, chosen: null, from: 0, to: 1, width: 1000 };
let layout, nodes, strip, height, pitch;

function make(tag, parent, attributes = {}, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  place(node, attributes);
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

function place(node, attributes) {
  for (const name in attributes) node.setAttribute(name, attributes[name]);
}

const axis = position => {
  if (look.axis === "events") return position;
  const before = Math.min(Math.floor(position), layout.last);
  const next = Math.min(before + 1, layout.last);
  return layout.times[before] + (position - before) * (layout.times[next] - layout.times[before]);
};
const extent = () => look.axis === "events" ? [-0.5, layout.last + 0.2] : [layout.times[0] - (layout.times[layout.last] - layout.times[0]) * 0.01, layout.times[layout.last]];
const across = value => GUTTER + (value - look.from) / (look.to - look.from) * (look.width - GUTTER);
const x = position => across(axis(position));

/** Makes the nodes of an arrangement. */
function build() {
  layout = arrange(look.all);
  strip = strips(MOST_STRIPS);
  const rows = layout.lanes.reduce((sum, lane) => sum + lane.rows, 0);
  pitch = rows <= 20 ? 40 : rows <= 48 ? 25 : 13;
  const thick = Math.round(pitch * 0.62);
  lanesSvg.replaceChildren();
  const defs = make("defs", lanesSvg);
  const veil = make("linearGradient", defs, { id: "veil" });
  make("stop", veil, { class: "veil-from", offset: 0.1 });
  make("stop", veil, { class: "veil-to", offset: 1 });
  make("rect", make("clipPath", defs, { id: "field" }), { x: GUTTER, y: 0, width: 1e5, height: 1e6 });
  nodes = { back: make("g", lanesSvg), ticks: make("g", lanesSvg, { "clip-path": "url(#field)" }), bars: new Map() };
  nodes.band = make("rect", lanesSvg, { class: "band", "clip-path": "url(#field)", y: TOP });
  nodes.strips = make("g", lanesSvg, { "clip-path": "url(#field)" });
  const field = make("g", lanesSvg, { "clip-path": "url(#field)", class: "field" });
  let y = TOP + 8;
  for (const key of strip) {
    make("text", nodes.back, { class: "client key", x: 12, y: y + 15 }, shorten(keys[key], 11));
    y += 26;
  }
  if (strip.length > 0) y += 8;
  nodes.stripsEnd = y;
  for (const lane of layout.lanes) {
    make("rect", nodes.back, { class: "row", x: GUTTER, y: y - 2, width: 1e5, height: lane.rows * pitch - (pitch - thick) + 4 });
    const names = lane.names.length > 1 ? `${lane.names[0]}, ${lane.names[1]}${lane.names.length > 2 ? " …" : ""}` : `client ${lane.names[0]}`;
    if (pitch > 13 || lane.rows === 1) make("text", nodes.back, { class: "client", x: 12, y: y + thick / 2 + 4 }, shorten(names, 13));
    for (const bar of lane.bars) bar.y = y + bar.row * pitch;
    y += lane.rows * pitch;
  }
  height = y + 6;
  for (const bar of layout.bars) nodes.bars.set(bar.operation, buildBar(bar, field, thick));
  colour();
  nodes.thread = make("path", lanesSvg, { class: "thread", "clip-path": "url(#field)" });
  nodes.points = make("g", lanesSvg, { class: "points", "clip-path": "url(#field)" });
  [look.from, look.to] = extent();
  overview.toggleAttribute("hidden", layout.bars.length <= 40);
  if (layout.bars.length > 40 && look.axis === "events") reveal(marked, 60);
}

function buildBar(bar, field, thick) {
  const { operation } = bar;
  const classes = ["bar", operation.fate, operation === marked ? "marked" : "", operation.evidence ? "" : "context"];
  const group = make("g", field, { class: classes.join(" "), id: `operation-${operation.place}` });
  const node = { bar, group, thick, parts: [], classes: group.classList };
  if (bar.open) {
    node.tail = make("path", group, { class: "tail" });
    node.veil = make("rect", group, { fill: "url(#veil)", height: thick + 2, y: bar.y - 1 });
  }
  const touches = operation.touches.length > 0 ? operation.touches.slice(0, 12) : [null];
  for (const touch of touches) node.parts.push(make("rect", group, { class: "part", height: thick, y: bar.y }));
  node.edge = make("rect", group, { class: "edge", height: thick, y: bar.y, rx: Math.min(4, thick / 4) });
  if (thick >= 14) node.label = make("text", group, { y: bar.y + thick / 2 + 4.5 });
  node.touches = touches;
  return node;
}

/** Gives every bar the colours of its keys or values. */
function colour() {
  for (const node of nodes.bars.values()) {
    if (node.tail) paint(node.tail, node.touches[0]);
    node.parts.forEach((part, nth) => paint(part, node.touches[nth]));
    paint(node.edge, node.touches[0]);
  }
}

/** Gives a node the colour of its key or value. */
function paint(node, touch) {
  const number = touch && touch[look.colour === "value" ? 1 : 0];
  node.classList.toggle("absent", Boolean(touch) && number === null);
  node.classList.toggle("plain", !touch);
  if (number === null) node.style.removeProperty("--hue");
  else node.style.setProperty("--hue", hue(number));
}

function draw() {
  look.width = Math.max(320, printing ? 1000 : stage.clientWidth);
  place(lanesSvg, { viewBox: `0 0 ${look.width} ${height}`, width: look.width, height });
  drawTicks();
  for (const node of nodes.bars.values()) drawBar(node);
  drawStep();
  drawOverview();
}

/** Draws what depends on the current step. */
function drawStep() {
  emphasize();
  drawPoints();
  drawStrips();
}

/** Highlights the chosen operation and its kin. */
function emphasize() {
  const kin = look.chosen && new Set(look.chosen.touches.map(kinship));
  lanesSvg.classList.toggle("related", Boolean(kin?.size));
  for (const [operation, { classes }] of nodes.bars) {
    classes.toggle("chosen", operation === look.chosen);
    classes.toggle("kin", operation === look.chosen || operation === marked || Boolean(kin && operation.touches.some(touch => kin.has(kinship(touch)))));
    classes.toggle("now", operation.step === look.step);
    classes.toggle("later", operation.step !== null && operation.step > look.step && operation !== marked);
  }
}

function drawTicks() {
  nodes.ticks.replaceChildren();
  const room = Math.max(2, Math.floor((look.width - GUTTER) / 110));
  const tick = (at, text) => {
    make("line", nodes.ticks, { class: "gridline", x1: at, x2: at, y1: TOP - 4, y2: height });
    make("text", nodes.ticks, { class: "tick", x: at + 4, y: 20 }, text);
  };
  if (look.axis === "events") {
    const every = Math.max(1, Math.ceil((look.to - look.from) / room));
    const first = Math.max(0, Math.ceil(look.from / every) * every);
    for (let event = first; event < Math.min(look.to, layout.last); event += every) tick(x(event), duration(layout.times[event]));
  } else {
    const rough = (look.to - look.from) / room;
    const tens = 10 ** Math.floor(Math.log10(rough));
    const every = tens * [1, 2, 5, 10].find(step => step * tens >= rough);
    const first = Math.max(0, Math.ceil(look.from / every));
    for (let nth = first; nth * every < look.to; nth++) tick(across(nth * every), duration(nth * every));
  }
  make("line", nodes.ticks, { class: "rule", x1: GUTTER, x2: look.width, y1: TOP - 4, y2: TOP - 4 });
  const { from, to } = nodes.bars.get(marked).bar;
  const [left, right] = [x(from), x(to)];
  place(nodes.band, { x: left, width: Math.max(2, right - left), height: height - TOP });
}

function drawBar(node) {
  const { bar, group, thick } = node;
  const [left, seen, end] = [x(bar.from), x(bar.seen), x(bar.to)];
  const hidden = Math.max(end, left + 2) < GUTTER || left > look.width;
  group.toggleAttribute("hidden", hidden);
  if (hidden) return;
  const width = Math.max(2, seen - left);
  if (node.tail) {
    const far = Math.min(Math.max(end, left + 12), 4 * look.width);
    const [top, low, third] = [bar.y + thick * 0.2, bar.y + thick * 0.8, thick * 0.2];
    place(node.tail, { d: `M${left} ${top}H${far - 5}l5 ${third / 2}l-5 ${third}l5 ${third}l-5 ${third / 2}L${left} ${low}Z` });
    place(node.veil, { x: seen, width: Math.max(0, far - seen + 1) });
  }
  node.parts.forEach((part, nth) => {
    const share = width / node.parts.length;
    place(part, { x: left + nth * share, width: share });
  });
  place(node.edge, { x: left, width });
  if (node.label) {
    const from = Math.max(left, GUTTER) + 7;
    const to = Math.min(seen, look.width);
    place(node.label, { x: from });
    const text = label(bar.operation, Math.floor((to - from - 4) / LETTER));
    if (node.label.textContent !== text) node.label.textContent = text;
  }
}

/** The longest text about an operation that fits: all of it, then without its keys, then the values alone. */
function label({ command, outcome, fate, touches }, letters) {
  const reply = fate === "answered" ? ` → ${outcome}` : "";
  const held = touches.map(([, value]) => value === null ? "absent" : values[value]).join(" ");
  const verb = command.split(" ", 1)[0];
  for (const text of [command + reply, command, `${verb} ${held}`, held || verb]) if (text.length <= letters) return text;
  return letters < LEAST ? "" : shorten(held || verb, letters);
}

const shorten = (text, most) => [...text].length <= most ? text : `${[...text].slice(0, Math.max(1, most - 1)).join("")}…`;
