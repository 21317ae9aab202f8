//! One question: cost by threads or series.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::{COLOURS, escaped, is_shown};
use crate::race::Kind;
use crate::report::number;
use crate::rows::{Axis, Cell, Group};

pub(super) const WIDTH: f64 = 300.0;
pub(super) const HEIGHT: f64 = 256.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 38.0;
const INNER: (f64, f64) = (WIDTH - LEFT - 18.0, HEIGHT - TOP - 44.0);

pub(super) fn draw(out: &mut String, group: &Group) {
    let cells: Vec<_> = group.cells.iter().filter(|cell| is_shown(cell)).collect();
    let across: Vec<_> = cells.iter().map(|cell| cell.at).collect::<BTreeSet<_>>().into_iter().collect();
    let decades =
        |pick: fn(f64, f64) -> f64, start| cells.iter().map(|cell| cell.figure.median.log10()).fold(start, pick);
    let (low, high) = (decades(f64::min, f64::MAX).floor(), decades(f64::max, f64::MIN).ceil());
    let x = |at: usize| {
        let place = across.iter().position(|known| *known == at).unwrap_or_default();
        LEFT + INNER.0 * place as f64 / (across.len().max(2) - 1) as f64
    };
    let y = |value: f64| TOP + INNER.1 * (1.0 - (value.log10() - low) / (high - low).max(1.0));

    let title = escaped(&group.title.replace(", told with one thread", ""));
    let _ = writeln!(out, "<text class=\"bold\" x=\"12\" y=\"20\">{title}</text>");
    for decade in low as i32..=high as i32 {
        let value = 10_f64.powi(decade);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"grid\"/>\
             <text class=\"dim end\" x=\"{}\" y=\"{:.1}\">{}</text>",
            LEFT + INNER.0,
            LEFT - 6.0,
            y(value) + 4.0,
            if value < 1.0 { number(value) } else { short(value as usize) },
            y = y(value),
        );
    }
    for at in &across {
        let label = short(*at);
        let (at, under) = (x(*at), TOP + INNER.1 + 16.0);
        let _ = writeln!(out, "<text class=\"dim middle\" x=\"{at:.1}\" y=\"{under}\">{label}</text>");
    }
    let (axis, unit) = match group.axis {
        Axis::Threads => ("threads", "ns of a core"),
        Axis::Series | Axis::Processes | Axis::Quantiles => (group.axis.name(), group.unit),
    };
    let (middle, under) = (LEFT + INNER.0 / 2.0, TOP + INNER.1 + 32.0);
    let _ = writeln!(out, "<text class=\"dim middle\" x=\"{middle}\" y=\"{under}\">{unit}, by {axis}</text>");

    let points = |line: &[&&Cell]| {
        let points = line.iter().map(|cell| format!("{:.1},{:.1}", x(cell.at), y(cell.figure.median)));
        points.collect::<Vec<_>>().join(" ")
    };
    let limit: Vec<_> = cells.iter().filter(|cell| cell.kind == Kind::Limit).collect();
    if !limit.is_empty() {
        let _ = writeln!(out, "<polyline points=\"{}\" class=\"limit dashed\"/>", points(&limit));
    }
    // Ours last, so that it lies on top.
    for (name, colour) in COLOURS.iter().rev() {
        let line: Vec<_> = cells.iter().filter(|cell| cell.name == *name).collect();
        let ours = line.iter().any(|cell| cell.kind == Kind::Ours);
        let class = if ours { " class=\"ours\"" } else { "" };
        if !line.is_empty() {
            let _ = writeln!(out, "<polyline points=\"{}\" stroke=\"{colour}\"{class}/>", points(&line));
        }
    }
    for at in &across {
        if let Some(best) = group.best(Kind::Peer, *at) {
            let (x, y) = (x(*at), y(best.figure.median));
            let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"none\" class=\"base\"/>");
        }
    }
}

fn short(count: usize) -> String {
    match count {
        1_000_000.. => format!("{}M", count / 1_000_000),
        1_000.. => format!("{}k", count / 1_000),
        _ => count.to_string(),
    }
}
