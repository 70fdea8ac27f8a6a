"use strict";
// The layout: where everything is, before it is drawn. A position is the rank of an event among those shown, with a
// fraction between two events. An axis turns a position into a coordinate, by rank or by time.

const evidence = JSON.parse(document.getElementById("evidence").textContent);
const { keys, values, operations, order } = evidence;
const steps = order.length; // one step more is the unexplained operation
operations.forEach((operation, place) => { operation.place = place; operation.step = null; });
order.forEach((placed, step) => { operations[placed.operation].step = step + 1; });
const marked = operations[evidence.marked];
marked.step = steps + 1;

/** With more clients than this, clients that follow one another share a lane. A client ends at its first unknown outcome. */
const MOST_LANES = 24;

/** Hues that are easy to tell apart and differ from the alarm colour. Further values get hues in between. */
const HUES = [250, 75, 150, 315, 105, 205, 285, 50, 180, 345, 125, 230];
const hue = number => number < HUES.length ? HUES[number] : (45 + (number * 137.5) % 300) % 360;

/** The key and value by which operations are related. */
const kinship = ([key, value]) => `${key} ${value}`;

/** Puts operations into lanes, and their ends into one line. */
function arrange(all) {
  const shown = operations.filter(operation => all || operation.evidence);
  const moments = shown.flatMap(({ call, end }) => end ? [call, end] : [call]).sort((a, b) => a[0] - b[0]);
  const rank = new Map(moments.map(([event], place) => [event, place]));
  const times = moments.map(([, at]) => at);
  const last = moments.length;
  times.push(times[last - 1] + Math.max(1, (times[last - 1] - times[0]) * 0.04));
  const bars = shown.map(operation => {
    const from = rank.get(operation.call[0]);
    const seen = operation.end ? rank.get(operation.end[0]) : last; // the picture ends here
    const open = operation.fate === "unknown";
    return { operation, from, seen, to: open ? last : seen, open };
  }).sort((a, b) => a.from - b.from);
  return { bars, last, times, lanes: lanesOf(bars), points: pointsOf(rank) };
}

/** The lanes, one for each client. A pipeline has one row for each operation under way at the same time. */
function lanesOf(bars) {
  const clients = new Map();
  for (const bar of bars) {
    const client = clients.get(bar.operation.client) ?? { names: [bar.operation.client], bars: [], until: 0 };
    client.bars.push(bar);
    client.until = Math.max(client.until, bar.seen);
    clients.set(bar.operation.client, client);
  }
  const lanes = [];
  const share = clients.size > MOST_LANES;
  for (const client of clients.values()) { // in the order of their first calls
    const lane = share && lanes.find(lane => lane.until < client.bars[0].from);
    if (lane) {
      lane.names.push(...client.names);
      lane.bars.push(...client.bars);
      lane.until = client.until;
    } else {
      lanes.push(client);
    }
  }
  for (const lane of lanes) {
    const busy = []; // for each row, until when
    for (const bar of lane.bars) {
      const free = busy.findIndex(until => until < bar.from);
      bar.row = free < 0 ? busy.length : free;
      busy[bar.row] = bar.seen;
    }
    lane.rows = busy.length;
  }
  return lanes;
}

/**
 * The position of each step of the order: as early as possible after its own call and the calls of all steps before.
 * Several steps between the same two events share the room.
 */
function pointsOf(rank) {
  let latest = -1;
  const after = order.map(({ operation }) => latest = Math.max(latest, rank.get(operations[operation].call[0])));
  const together = new Map();
  for (const event of after) together.set(event, (together.get(event) ?? 0) + 1);
  let nth = 0;
  return after.map((event, step) => {
    nth = step > 0 && after[step - 1] === event ? nth + 1 : 1;
    return event + nth / (together.get(event) + 1);
  });
}

/** What each key holds after a number of steps. A deleted key holds null. */
function stateAfter(step) {
  const state = new Map();
  for (const { changes } of order.slice(0, step)) {
    for (const [key, value] of changes) state.set(key, value);
  }
  return state;
}

const byName = (a, b) => keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b;

/** The keys that get a strip, those of the unexplained operation first. */
function strips(most) {
  const worth = new Set(marked.touches.map(([key]) => key).filter(key => key !== null));
  const others = order.flatMap(({ changes }) => changes.map(([key]) => key));
  for (const key of others.sort(byName)) worth.add(key);
  return [...worth].slice(0, most);
}

function duration(microseconds) {
  if (microseconds < 1000) return `${Math.round(microseconds)} µs`;
  if (microseconds < 1e6) return `${+(microseconds / 1e3).toPrecision(6)} ms`;
  return `${+(microseconds / 1e6).toPrecision(8)} s`;
}
