//! The plot: one panel per question, cost on a logarithmic axis.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::race::Kind;
use crate::report::number;
use crate::rows::{Axis, Cell, Group};

const PANELS: [&str; 6] = ["inc", "observe", "lookup_20", "growth_lookup", "growth_scrape", "memory"];
const COLUMNS: usize = 3;
const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 270.0;
const LEFT: f64 = 48.0;
const TOP: f64 = 34.0;
const INNER: (f64, f64) = (WIDTH - LEFT - 14.0, HEIGHT - TOP - 40.0);

/// Ours stands out; the limit is dashed.
const COLOURS: [(&str, &str); 9] = [
    ("pytheus", "#d62728"),
    ("prometheus", "#1f77b4"),
    ("prometheus-client", "#17a2b8"),
    ("metrics", "#8c6d31"),
    ("measured", "#2ca02c"),
    ("fastmetrics", "#9467bd"),
    ("foundations-metrics", "#e377c2"),
    ("opentelemetry", "#f0a030"),
    ("limit", "#666666"),
];

/// The panels of the groups that were measured.
pub fn svg(groups: &[Group]) -> String {
    let rows = PANELS.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, HEIGHT * rows as f64 + 34.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (place, key) in PANELS.iter().enumerate() {
        let Some(group) = groups.iter().find(|group| group.key == *key) else { continue };
        let (column, row) = (place % COLUMNS, place / COLUMNS);
        let _ = writeln!(out, "<g transform=\"translate({},{})\">", WIDTH * column as f64, HEIGHT * row as f64);
        panel(&mut out, group);
        out.push_str("</g>\n");
    }
    for (place, (name, colour)) in COLOURS.iter().enumerate() {
        let (x, y) = (16.0 + 108.0 * place as f64, height - 14.0);
        let _ = writeln!(
            out,
            "<circle cx=\"{x}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y}\">{name}</text>",
            y - 4.0,
            x + 8.0
        );
    }
    out.push_str("</svg>\n");
    out
}

fn panel(out: &mut String, group: &Group) {
    let cells: Vec<_> =
        group.cells.iter().filter(|cell| cell.kind != Kind::Aside && cell.figure.median > 0.0).collect();
    let across: Vec<_> = cells.iter().map(|cell| cell.at).collect::<BTreeSet<_>>().into_iter().collect();
    let decades =
        |pick: fn(f64, f64) -> f64, start| cells.iter().map(|cell| cell.figure.median.log10()).fold(start, pick);
    let (low, high) = (decades(f64::min, f64::MAX).floor(), decades(f64::max, f64::MIN).ceil());
    let x = |at: usize| {
        let place = across.iter().position(|known| *known == at).unwrap_or_default();
        LEFT + INNER.0 * place as f64 / (across.len().max(2) - 1) as f64
    };
    let y = |value: f64| TOP + INNER.1 * (1.0 - (value.log10() - low) / (high - low).max(1.0));

    let title = group.title.replace(", told with one thread", "").replace('&', "&amp;");
    let _ = writeln!(out, "<text x=\"8\" y=\"18\" font-weight=\"bold\">{title}</text>");
    for decade in low as i32..=high as i32 {
        let value = 10_f64.powi(decade);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555\">{}</text>",
            LEFT + INNER.0,
            LEFT - 5.0,
            y(value) + 4.0,
            if value < 1.0 { number(value) } else { format!("{value}") },
            y = y(value),
        );
    }
    for at in &across {
        let label = match at {
            1_000_000.. => format!("{}M", at / 1_000_000),
            1_000.. => format!("{}k", at / 1_000),
            _ => at.to_string(),
        };
        let under = TOP + INNER.1 + 15.0;
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{under}\" text-anchor=\"middle\" fill=\"#555\">{label}</text>",
            x(*at)
        );
    }
    let axis = if group.axis == Axis::Threads { "threads" } else { "series" };
    let (middle, under) = (LEFT + INNER.0 / 2.0, TOP + INNER.1 + 29.0);
    let unit = group.unit;
    let _ = writeln!(
        out,
        "<text x=\"{middle}\" y=\"{under}\" text-anchor=\"middle\" fill=\"#555\">{unit}, by {axis}</text>"
    );
    // Ours last, so that it lies on top.
    for (name, colour) in COLOURS.iter().rev() {
        let line: Vec<_> = cells.iter().filter(|cell| goes_by(cell, name)).collect();
        let points: Vec<_> =
            line.iter().map(|cell| format!("{:.1},{:.1}", x(cell.at), y(cell.figure.median))).collect();
        let (stroke, dash) = match *name {
            "pytheus" => (3.0, ""),
            "limit" => (1.5, " stroke-dasharray=\"4 3\""),
            _ => (1.5, ""),
        };
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{stroke}\"{dash}/>",
            points.join(" ")
        );
    }
}

fn goes_by(cell: &Cell, name: &str) -> bool {
    if name == "limit" { cell.kind == Kind::Limit } else { cell.name == name }
}
