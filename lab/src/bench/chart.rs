//! Curves as SVG pictures: lines over logarithmic axes, legible on light and on dark pages.

use super::goals::thousands;
use super::report::Series;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;

/// The margins: above, right (room for the names of lines), below, left.
const MARGIN: (f64, f64, f64, f64) = (64.0, 150.0, 56.0, 64.0);

/// The least vertical distance of two names.
const LINE: f64 = 17.0;

/// The style follows the viewer's preference for light or dark.
const STYLE: &str = "\
svg{--paper:#ffffff;--ink:#1f2328;--faint:#59636e;--grid:#d8dee4;--a:#0969da;--b:#bc4c00;--c:#1a7f37}
@media(prefers-color-scheme:dark){svg{--paper:#0d1117;--ink:#f0f6fc;--faint:#9198a1;--grid:#30363d;--a:#58a6ff;--b:#f0883e;--c:#3fb950}}
text{font:13px system-ui,-apple-system,Segoe UI,Helvetica,Arial,sans-serif;fill:var(--ink)}
.title{font-size:15px;font-weight:600}.axis{fill:var(--faint)}
.grid{stroke:var(--grid);stroke-width:1}.line{fill:none;stroke-width:2.5;stroke-linejoin:round}
.paper{fill:var(--paper)}";

const COLOURS: [&str; 3] = ["var(--a)", "var(--b)", "var(--c)"];

/// The dashes of lines, so that they differ without colours.
const DASHES: [&str; 3] = ["", "7 4", "2 4"];

/// A picture.
pub struct Chart<'a> {
    /// Its title.
    pub title: &'a str,
    /// The meaning of the horizontal axis.
    pub across: &'a str,
    /// The meaning of the vertical axis.
    pub up: &'a str,
    /// The lines.
    pub series: &'a [Series],
}

/// All charts: file name, title, horizontal axis, vertical axis.
pub const CHARTS: [(&str, &str, &str, &str); 4] = [
    ("throughput", "SETs a second over clients", "clients", "SETs a second"),
    ("latency", "Latency of a SET over load", "SETs a second that arrive", "ms"),
    ("bytes", "Bytes sent to the store for each SET, 256 clients", "keys in the database", "bytes"),
    ("dollars", "Cost of a million SETs at S3's prices, 256 clients", "keys in the database", "dollars"),
];

/// A logarithmic scale from one power of ten to another.
struct Scale {
    least: i32,
    most: i32,
    from: f64,
    to: f64,
}

impl Scale {
    fn of(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Scale {
        let logs: Vec<f64> = values.filter(|value| *value > 0.0).map(f64::log10).collect();
        let least = logs.iter().copied().fold(f64::INFINITY, f64::min).floor() as i32;
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max).ceil() as i32;
        Scale { least, most: most.max(least + 1), from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value.log10() - f64::from(self.least)) / f64::from(self.most - self.least);
        self.from + (self.to - self.from) * share
    }

    /// Every power of ten on the scale.
    fn ticks(&self) -> impl Iterator<Item = f64> {
        (self.least..=self.most).map(|power| 10f64.powi(power))
    }
}

impl Chart<'_> {
    /// The picture.
    pub fn svg(&self) -> String {
        let (top, right, bottom, left) = MARGIN;
        let points = || self.series.iter().flat_map(|series| &series.points);
        let across = Scale::of(points().map(|point| point.0), left, WIDTH - right);
        let up = Scale::of(points().map(|point| point.1), HEIGHT - bottom, top);
        let mut lines = vec![
            format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
                 aria-label=\"{}\">",
                self.title
            ),
            format!("<style>{STYLE}</style>"),
            format!("<rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>"),
            format!("<text class=\"title\" x=\"12\" y=\"26\">{}</text>", self.title),
        ];
        self.draw_grid(&across, &up, &mut lines);
        let mut names = Vec::new();
        for (nth, series) in self.series.iter().enumerate() {
            let end = draw_line(series, nth, &across, &up, &mut lines);
            names.extend(end.map(|y| (y, nth)));
        }
        self.draw_names(names, &mut lines);
        lines.push("</svg>\n".to_owned());
        lines.join("\n")
    }

    /// The lines at the powers of ten, their labels, and the names of the axes.
    fn draw_grid(&self, across: &Scale, up: &Scale, lines: &mut Vec<String>) {
        let (top, right, bottom, left) = MARGIN;
        for tick in up.ticks() {
            let (y, end) = (up.place(tick), WIDTH - right);
            lines.push(format!("<line class=\"grid\" x1=\"{left}\" x2=\"{end}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"));
            let (x, y, label) = (left - 8.0, y + 4.0, short(tick));
            lines.push(format!("<text class=\"axis\" text-anchor=\"end\" x=\"{x}\" y=\"{y:.1}\">{label}</text>"));
        }
        for tick in across.ticks() {
            let (x, end) = (across.place(tick), HEIGHT - bottom);
            lines.push(format!("<line class=\"grid\" y1=\"{top}\" y2=\"{end}\" x1=\"{x:.1}\" x2=\"{x:.1}\"/>"));
            let (y, label) = (HEIGHT - bottom + 20.0, short(tick));
            lines.push(format!("<text class=\"axis\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{y}\">{label}</text>"));
        }
        let (x, y, label) = ((left + WIDTH - right) / 2.0, HEIGHT - 12.0, self.across);
        lines.push(format!("<text class=\"axis\" text-anchor=\"middle\" x=\"{x}\" y=\"{y}\">{label}</text>"));
        lines.push(format!("<text class=\"axis\" x=\"12\" y=\"{}\">{}</text>", top - 14.0, self.up));
    }

    /// The names of the lines, each at the height where its line ends, but not on each other.
    fn draw_names(&self, mut names: Vec<(f64, usize)>, lines: &mut Vec<String>) {
        names.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut free = f64::NEG_INFINITY;
        for (y, nth) in names {
            let y = f64::max(y, free);
            free = y + LINE;
            for (line, words) in wrap(&self.series[nth].name).into_iter().enumerate() {
                let y = y + 4.0 + LINE * line as f64;
                free = f64::max(free, y + LINE);
                let (x, colour) = (WIDTH - MARGIN.1 + 12.0, COLOURS[nth % COLOURS.len()]);
                lines.push(format!("<text x=\"{x}\" y=\"{y:.1}\" style=\"fill:{colour}\">{words}</text>"));
            }
        }
    }
}

/// Draws a line and its points. Returns the height at which it ends.
fn draw_line(series: &Series, nth: usize, across: &Scale, up: &Scale, lines: &mut Vec<String>) -> Option<f64> {
    let (colour, dash) = (COLOURS[nth % COLOURS.len()], DASHES[nth % DASHES.len()]);
    let places: Vec<_> = series.points.iter().map(|&(x, y)| (across.place(x), up.place(y))).collect();
    let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    lines.push(format!(
        "<polyline class=\"line\" stroke=\"{colour}\" stroke-dasharray=\"{dash}\" points=\"{}\"/>",
        path.join(" ")
    ));
    for ((cx, cy), (x, y)) in places.iter().zip(&series.points) {
        let label = format!("{}: {}", thousands(&format!("{x:.0}")), readable(*y));
        lines.push(format!(
            "<circle fill=\"{colour}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3.5\"><title>{label}</title></circle>"
        ));
    }
    places.last().map(|place| place.1)
}

/// A name, broken at its commas to fit beside the picture.
fn wrap(name: &str) -> Vec<String> {
    name.split(", ").map(str::to_owned).collect()
}

/// A power of ten as a short label.
fn short(value: f64) -> String {
    match value {
        1e6.. => format!("{:.0}M", value / 1e6),
        1e3.. => format!("{:.0}k", value / 1e3),
        1.0.. => format!("{value:.0}"),
        _ => format!("{value}"),
    }
}

fn readable(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { thousands(&format!("{value:.0}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_lies_within_the_axes() {
        let series =
            [Series::new("one, and more", [(1.0, 0.03), (1000.0, 30_000.0)]), Series::new("two", [(5.0, 5.0)])];
        let svg = Chart { title: "t", across: "x", up: "y", series: &series }.svg();
        let circles: Vec<_> = svg.split("<circle").skip(1).collect();
        assert_eq!(circles.len(), 3);
        for circle in circles {
            let number =
                |name: &str| circle.split(&format!("{name}=\"")).nth(1)?.split('"').next()?.parse::<f64>().ok();
            let (x, y) = (number(" cx").unwrap(), number(" cy").unwrap());
            assert!(
                (MARGIN.3..=WIDTH - MARGIN.1).contains(&x) && (MARGIN.0..=HEIGHT - MARGIN.2).contains(&y),
                "{x} {y}"
            );
        }
        assert!(svg.contains(">10k</text>") && svg.contains(">0.01</text>"));
    }
}
