//! The plot: every row of the ratios, and below it how costs grow. All axes are logarithmic.

mod panel;
mod ratios;

use std::fmt::Write as _;

use crate::race::Kind;
use crate::rows::{Cell, Group};

/// Shown as wide as this in the project's README.
const WIDTH: f64 = 900.0;
const PANELS: [&str; 9] = [
    "inc",
    "observe",
    "lookup_20",
    "growth_lookup",
    "growth_scrape",
    "memory",
    "backend_inc",
    "backend_observe",
    "backend_scrape",
];
const COLUMNS: usize = 3;
const LEGEND: f64 = 62.0;

/// Colours that stand out on white and on black.
const COLOURS: [(&str, &str); 10] = [
    ("pytheus", "#e5322d"),
    ("prometheus", "#3b82c4"),
    ("prometheus-client", "#17a2b8"),
    ("metrics", "#a0803c"),
    ("measured", "#37a537"),
    ("fastmetrics", "#9a6fd0"),
    ("foundations-metrics", "#e377c2"),
    ("opentelemetry", "#f0a030"),
    ("autometrics", "#7f9a2e"),
    ("Python's client", "#3b82c4"),
];

const STYLE: &str = "\
<style>
svg { font: 11.5px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; }
text { fill: #1f2328; } .dim { fill: #59636e; } .bold { font-weight: 600; } .end { text-anchor: end; }
.middle { text-anchor: middle; }
.back { fill: #fff; } .grid { stroke: #e1e4e8; } .base { stroke: #8c959f; } .limit { stroke: #59636e; }
polyline { fill: none; stroke-width: 1.5; } .ours { stroke-width: 3; }
.dashed { stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .dim { fill: #9198a1; }
  .back { fill: #0d1117; } .grid { stroke: #2a313a; } .base { stroke: #656c76; } .limit { stroke: #9198a1; }
}
</style>
";

/// What was measured of it.
pub fn svg(groups: &[Group]) -> String {
    let mut body = String::new();
    let mut height = ratios::draw(&mut body, groups);
    let panels: Vec<_> = PANELS.iter().filter_map(|key| groups.iter().find(|group| group.key == *key)).collect();
    for (place, group) in panels.iter().enumerate() {
        let (column, row) = (place % COLUMNS, place / COLUMNS);
        let (x, y) = (panel::WIDTH * column as f64, height + panel::HEIGHT * row as f64);
        let _ = writeln!(body, "<g transform=\"translate({x},{y})\">");
        panel::draw(&mut body, group);
        body.push_str("</g>\n");
    }
    height += panel::HEIGHT * panels.len().div_ceil(COLUMNS) as f64;
    legend(&mut body, groups, height);
    height += LEGEND;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\">\n{STYLE}<rect class=\"back\" width=\"{WIDTH}\" height=\"{height}\"/>\n\
         {body}</svg>\n"
    )
}

/// In rows, so that no name touches the next.
fn legend(out: &mut String, groups: &[Group], top: f64) {
    const PLACES: usize = 6;
    let place = |place: usize| (20.0 + 147.0 * (place % PLACES) as f64, top + 20.0 + 22.0 * (place / PLACES) as f64);
    let has = |name: &str| groups.iter().flat_map(|group| &group.cells).any(|cell| cell.name == name);
    let shown: Vec<_> = COLOURS.iter().filter(|(name, _)| has(name)).collect();
    let limit = if has("limit: one process") { "one process" } else { "the least the hardware asks" };
    for (i, (name, colour)) in shown.iter().enumerate() {
        let (x, y) = place(i);
        let _ = writeln!(
            out,
            "<circle cx=\"{x}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y}\">{name}</text>",
            y - 4.0,
            x + 9.0
        );
    }
    let (x, y) = place(shown.len());
    let _ = writeln!(
        out,
        "<circle cx=\"{x}\" cy=\"{}\" r=\"4\" fill=\"none\" class=\"base\"/>\
         <text x=\"{}\" y=\"{y}\">best peer</text>",
        y - 4.0,
        x + 9.0
    );
    let (x, y) = place(shown.len() + 1);
    let _ = writeln!(
        out,
        "<line x1=\"{0}\" x2=\"{0}\" y1=\"{1}\" y2=\"{2}\" class=\"limit\" stroke-width=\"2\"/>\
         <line x1=\"{3}\" x2=\"{4}\" y1=\"{5}\" y2=\"{5}\" class=\"limit dashed\" stroke-width=\"1.5\"/>\
         <text x=\"{6}\" y=\"{y}\">limit: {limit}</text>",
        x - 4.0,
        y - 10.0,
        y + 2.0,
        x + 3.0,
        x + 21.0,
        y - 4.0,
        x + 27.0
    );
}

fn colour(cell: &Cell) -> &'static str {
    COLOURS.iter().find(|(name, _)| *name == cell.name).map_or("#888", |(_, colour)| colour)
}

fn is_shown(cell: &Cell) -> bool {
    cell.kind != Kind::Aside && cell.figure.median > 0.0
}

/// Text as it stands in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
}
