// Draws the marks around the operations: the points of the order, the strips of the keys, and the overview.

/** Draws the thread through the operations, in the order that explains them. */
function drawPoints() {
  nodes.points.replaceChildren();
  const until = Math.min(look.step, steps);
  const places = order.slice(0, until).map(({ operation }, step) => {
    const { bar, thick } = nodes.bars.get(operations[operation]);
    return [x(layout.points[step]), bar.y + thick];
  });
  place(nodes.thread, { d: places.map(([px, py], step) => `${step ? "L" : "M"}${px.toFixed(1)} ${py}`).join("") });
  const roomy = pitch >= 25 && (look.width - GUTTER) / Math.max(1, places.filter(([px]) => px >= GUTTER && px <= look.width).length) > 15;
  nodes.thread.classList.toggle("crowded", !roomy);
  const dots = [];
  places.forEach(([px, py], step) => {
    if (px < GUTTER - 8 || px > look.width + 8) return;
    const now = step + 1 === look.step;
    if (!roomy && !now) return dots.push(`M${px.toFixed(1)} ${py}h0`);
    make("circle", nodes.points, { class: now ? "point now" : "point", cx: px, cy: py, r: [8, 8, 9.5, 12.5][String(step + 1).length - 1] ?? 15 });
    make("text", nodes.points, { class: "number", x: px, y: py + 3.5 }, step + 1);
  });
  if (dots.length > 0) make("path", nodes.points, { class: "dots", d: dots.join("") });
  drawCross(nodes.bars.get(marked));
}

/** Draws the cross on the unexplained operation, and its text beside it if the bar is too short. */
function drawCross({ bar, thick }) {
  const cross = Math.min(Math.max(x(bar.open ? bar.seen : bar.to), x(bar.from) + 2), look.width - 10);
  if (x(bar.to) < GUTTER || x(bar.from) > look.width) return;
  make("circle", nodes.points, { class: "cross", cx: cross, cy: bar.y + thick, r: 9 });
  make("text", nodes.points, { class: "number", x: cross, y: bar.y + thick + 3.5 }, "✗");
  const words = shorten(marked.command + (marked.fate === "answered" ? ` → ${marked.outcome}` : ""), 40);
  const [left, right, wide] = [x(bar.from), x(bar.seen), words.length * LETTER];
  if (thick < 14 || right - left - 11 >= wide) return;
  const at = left - wide - 8 >= GUTTER ? left - wide - 8 : right + 14;
  make("text", nodes.points, { class: "flag", x: at, y: bar.y + thick / 2 + 4.5 }, words);
}

/** Draws what each key holds, from step to step. */
function drawStrips() {
  nodes.strips.replaceChildren();
  strip.forEach((key, nth) => {
    const y = TOP + 8 + nth * 26;
    let [value, from] = [null, 0];
    const hold = to => {
      const [left, right] = [Math.max(x(from), GUTTER), Math.min(x(to), look.width)];
      if (right <= left) return;
      const rect = make("rect", nodes.strips, { class: "part", x: left, y, width: right - left, height: 20 });
      paint(rect, look.colour === "value" ? [key, value] : [value === null ? null : key, value]);
      const text = value === null ? "absent" : values[value];
      const letters = Math.floor((right - left - 8) / LETTER);
      if (letters >= Math.min(LEAST, text.length)) make("text", nodes.strips, { x: left + 6, y: y + 14.5 }, shorten(text, letters));
    };
    order.slice(0, look.step).forEach(({ changes }, step) => {
      const change = changes.find(([changed]) => changed === key);
      if (!change) return;
      hold(layout.points[step]);
      [value, from] = [change[1], layout.points[step]];
    });
    hold(look.step < steps ? Math.max(from, layout.points[look.step - 1] ?? 0) + 0.5 : layout.last);
  });
}

/** Draws everything in one small strip, with a window around the part that the lanes show. */
function drawOverview() {
  if (overview.hasAttribute("hidden")) return;
  const tall = 34;
  place(overview, { viewBox: `0 0 ${look.width} ${tall}`, height: tall });
  const [start, end] = extent();
  const along = value => GUTTER + (value - start) / (end - start) * (look.width - GUTTER);
  const scale = (tall - 4) / (height - nodes.stripsEnd);
  const rect = bar => {
    const left = along(axis(bar.from));
    return `M${left.toFixed(1)} ${(2 + (bar.y - nodes.stripsEnd) * scale).toFixed(1)}h${Math.max(0.7, along(axis(bar.seen)) - left).toFixed(1)}v${Math.max(0.8, pitch * scale * 0.6).toFixed(1)}H${left.toFixed(1)}Z`;
  };
  if (overview.dataset.of !== `${look.all} ${look.axis} ${look.width}`) {
    overview.dataset.of = `${look.all} ${look.axis} ${look.width}`;
    overview.replaceChildren();
    make("path", overview, { class: "mass", d: layout.bars.map(rect).join("") });
    make("circle", overview, { class: "cross", r: 4, cx: along(axis(nodes.bars.get(marked).bar.from)), cy: 2 + (nodes.bars.get(marked).bar.y - nodes.stripsEnd) * scale });
    make("rect", overview, { class: "window", y: 0.5, height: tall - 1, rx: 3 });
  }
  place(overview.querySelector(".window"), { x: along(look.from), width: Math.max(3, along(look.to) - along(look.from)) });
}
