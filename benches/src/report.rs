//! Tables to read, and files to keep.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use crate::race::{Figure, Kind};
use crate::rows::{Axis, Group};
use crate::targets::TARGETS;

/// A group as a table: contestants down, threads or series across; medians, and the minimum of the first column.
pub fn table(group: &Group) -> String {
    let across: BTreeSet<_> = group.cells.iter().map(|cell| cell.at).collect();
    let mut names: Vec<_> = Vec::new();
    for cell in &group.cells {
        if !names.contains(&cell.name) {
            names.push(cell.name);
        }
    }
    let axis = if group.axis == Axis::Threads { "threads" } else { "series" };
    let mut out = format!("{} ({}, median; min in brackets)\n", group.title, group.unit);
    let _ = write!(out, "  {axis:<30}");
    for at in &across {
        let _ = write!(out, "{at:>20}");
    }
    out.push('\n');
    for name in names {
        let _ = write!(out, "  {name:<30}");
        for at in &across {
            let cell = group.cells.iter().find(|cell| cell.name == name && cell.at == *at);
            let text = cell.map_or(String::new(), |cell| {
                let mark = if cell.figure.disturbed { "*" } else { "" };
                format!("{} ({}){mark}", number(cell.figure.median), number(cell.figure.min))
            });
            let _ = write!(out, "{text:>20}");
        }
        out.push('\n');
    }
    if group.cells.iter().any(|cell| cell.figure.disturbed) {
        out.push_str("  * the machine was busy: threads that wait for a core are slow, and do not contend\n");
    }
    out
}

/// Three digits.
pub fn number(value: f64) -> String {
    // Without the sign of a zero.
    let value = if value.abs() < 0.005 { 0.0 } else { value };
    let digits = if value.abs() < 9.995 { 2 } else { usize::from(value.abs() < 99.95) };
    format!("{value:.digits$}")
}

/// This library against the best peer and the limit, and what it is to reach.
pub fn ratios(groups: &[Group]) -> String {
    let mut out = format!(
        "{:<58}{:>9}{:>9} {:<20}{:>7}{:>7}{:>8}{:>7}{:>7}\n",
        "ratios", "pytheus", "best", "peer", "ratio", "target", "", "/limit", "target"
    );
    for target in &TARGETS {
        let Some(group) = groups.iter().find(|group| group.key == target.group) else { continue };
        let [ours, peer, limit] = [Kind::Ours, Kind::Peer, Kind::Limit].map(|kind| group.best(kind, target.at));
        let Some(ours) = ours.map(|cell| cell.figure.median) else { continue };
        let threads = match (group.axis, target.at) {
            (Axis::Threads, 1) => String::new(),
            (Axis::Threads, threads) => format!(", {threads} threads"),
            (Axis::Series, series) => format!(", {series} series"),
        };
        let title = group.title.replace(", told with one thread", "");
        let _ = write!(out, "{:<58}{:>9}", format!("{title}{threads}"), number(ours));
        if let Some(peer) = peer {
            let _ = write!(out, "{:>9} {:<20}", number(peer.figure.median), peer.name);
            verdict(&mut out, ours / peer.figure.median, target.of_peer);
        }
        if let Some(limit) = limit {
            verdict(&mut out, ours / limit.figure.median, target.of_limit);
        }
        if let Some(most) = target.most {
            let _ = write!(out, " at most {most}: {}", if ours <= most { "met" } else { "MISSED" });
        }
        if group.cells.iter().any(|cell| cell.at == target.at && cell.kind != Kind::Aside && cell.figure.disturbed) {
            out.push_str("  * busy machine");
        }
        out.push('\n');
    }
    out
}

fn verdict(out: &mut String, ratio: f64, target: Option<f64>) {
    let _ = write!(out, "{ratio:>7.2}");
    let _ = match target {
        Some(target) => write!(out, "{target:>7.2}{:>8}", if ratio <= target { "met" } else { "MISSED" }),
        None => write!(out, "{:>15}", ""),
    };
}

/// Every figure, as CSV or JSON by the ending of the file.
pub fn write(groups: &[Group], path: &Path) -> io::Result<()> {
    let json = path.extension().is_some_and(|ending| ending == "json");
    let lines = groups.iter().flat_map(|group| group.cells.iter().map(move |cell| (group, cell)));
    let lines = lines.map(|(group, cell)| {
        let (key, unit, name, kind) = (group.key, group.unit, cell.name, cell.kind);
        let axis = if group.axis == Axis::Threads { "threads" } else { "series" };
        let Figure { median, min, disturbed } = cell.figure;
        let at = cell.at;
        if json {
            // Names and titles hold no quotes.
            format!(
                "  {{\"row\": \"{key}\", \"title\": \"{}\", \"contestant\": \"{name}\", \"kind\": \"{kind:?}\", \
                 \"{axis}\": {at}, \"unit\": \"{unit}\", \"median\": {median:.3}, \"min\": {min:.3}, \"disturbed\": {disturbed}}}",
                group.title
            )
        } else {
            format!("{key},\"{name}\",{kind:?},{axis},{at},{unit},{median:.3},{min:.3},{disturbed}")
        }
    });
    let lines: Vec<_> = lines.collect();
    let text = if json {
        format!("[\n{}\n]\n", lines.join(",\n"))
    } else {
        format!("row,contestant,kind,axis,at,unit,median,min,disturbed\n{}\n", lines.join("\n"))
    };
    fs::write(path, text)
}
