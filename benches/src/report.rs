//! Tables to read, and files to keep.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use crate::race::{Figure, Kind};
use crate::rows::{Axis, Cell, Group};
use crate::targets::{TARGETS, Target};

/// A group as a table: contestants down, threads or series across; medians, and the minimum of the first column.
pub fn table(group: &Group) -> String {
    let across: BTreeSet<_> = group.cells.iter().map(|cell| cell.at).collect();
    let mut names: Vec<_> = Vec::new();
    for cell in &group.cells {
        if !names.contains(&cell.name) {
            names.push(cell.name);
        }
    }
    let axis = group.axis.name();
    // What was pooled, or counted, has no rounds.
    let has_rounds = group.cells.iter().any(|cell| cell.figure.min < cell.figure.median);
    let note = if has_rounds { ", median; min in brackets" } else { "" };
    let mut out = format!("{} ({}{note})\n", group.title, group.unit);
    let _ = write!(out, "  {axis:<30}");
    for at in &across {
        let _ = write!(out, "{:>20}", group.axis.label(*at));
    }
    out.push('\n');
    for name in names {
        let _ = write!(out, "  {name:<30}");
        for at in &across {
            let cell = group.cells.iter().find(|cell| cell.name == name && cell.at == *at);
            let text = cell.map_or(String::new(), |cell| {
                let mark = if cell.figure.disturbed { "*" } else { "" };
                let Figure { median, min, .. } = cell.figure;
                if has_rounds {
                    format!("{} ({}){mark}", number(median), number(min))
                } else {
                    format!("{}{mark}", number(median))
                }
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

/// Two digits at least, however small.
fn ratio(value: f64) -> String {
    match value {
        ..0.000_95 => format!("{value:.1e}"),
        ..0.1 => format!("{value:.4}"),
        _ => format!("{value:.2}"),
    }
}

/// This library's figure for a target, beside the best peer and the limit.
pub struct Line<'a> {
    pub title: String,
    pub unit: &'static str,
    pub target: &'static Target,
    pub group: &'a Group,
    pub ours: f64,
    pub peer: Option<&'a Cell>,
    limit: Option<&'a Cell>,
    disturbed: bool,
}

/// Those that were measured.
pub fn lines(groups: &[Group]) -> Vec<Line<'_>> {
    let line = |target: &'static Target| {
        let group = groups.iter().find(|group| group.key == target.group)?;
        // Whatever state this library is in.
        let ours = group.worst(Kind::Ours, target.at);
        let peer = match target.peer {
            Some(name) => Some(group.of(Kind::Peer, target.at).find(|cell| cell.name == name)?),
            None => group.best(Kind::Peer, target.at),
        };
        let limit = group.best(Kind::Limit, target.at);
        let of_ratio = |cell: &&Cell| cell.at == target.at && cell.kind != Kind::Aside;
        Some(Line {
            title: title(group, target.at),
            unit: group.unit,
            target,
            group,
            ours: ours?.figure.median,
            peer,
            limit,
            disturbed: group.cells.iter().filter(of_ratio).any(|cell| cell.figure.disturbed),
        })
    };
    TARGETS.iter().filter_map(line).collect()
}

fn title(group: &Group, at: usize) -> String {
    let title = group.title.replace(", told with one thread", "");
    match (group.axis, at) {
        (Axis::Threads, 1) => title,
        (Axis::Threads, threads) => format!("{title}, {threads} threads"),
        (Axis::Processes, 1) => format!("{title}, 1 process"),
        (Axis::Processes, processes) => format!("{title}, {processes} processes"),
        (Axis::Quantiles, _) => format!("{title}, {}", group.axis.label(at)),
        (Axis::Series, 1_000..) => format!("{title}, {},000 series", at / 1_000),
        (Axis::Series, series) => format!("{title}, {series} series"),
    }
}

impl Line<'_> {
    /// The ratio to another's figure, which may be nothing at all.
    fn to(&self, other: &Cell) -> Option<f64> {
        (other.figure.median > 0.0).then(|| self.ours / other.figure.median)
    }
}

/// This library against the best peer and the limit, and what it is to reach.
pub fn ratios(groups: &[Group]) -> String {
    let mut out = format!(
        "{:<76}{:>9}{:>9} {:<20}{:>7}{:>7}{:>8}{:>7}{:>7}\n",
        "ratios", "pytheus", "best", "peer", "ratio", "target", "", "/limit", "target"
    );
    let lines = lines(groups);
    let (mut met, mut missed) = (0, 0);
    for line in &lines {
        let mut judge = |value: f64, most: f64| {
            let is_met = value <= most;
            *(if is_met { &mut met } else { &mut missed }) += 1;
            if is_met { "met" } else { "MISSED" }
        };
        let Line { title, ours, target, .. } = line;
        let _ = write!(out, "{title:<76}{:>9}", number(*ours));
        for (other, most, named) in [(line.peer, target.of_peer, true), (line.limit, target.of_limit, false)] {
            let Some(other) = other else {
                let _ = write!(out, "{:1$}", "", if named { 52 } else { 22 });
                continue;
            };
            if named {
                let _ = write!(out, "{:>9} {:<20}", number(other.figure.median), other.name);
            }
            let _ = match (line.to(other), most) {
                (Some(of), Some(most)) => write!(out, "{:>7}{:>7}{:>8}", ratio(of), ratio(most), judge(of, most)),
                (Some(of), None) => write!(out, "{:>7}{:>15}", ratio(of), ""),
                (None, _) => write!(out, "{:>22}", ""),
            };
        }
        if let Some(most) = target.most {
            let _ = write!(out, " at most {most}: {}", judge(*ours, most));
        }
        out.push_str(if line.disturbed { "  * busy machine\n" } else { "\n" });
    }
    let _ = writeln!(out, "{met} met, {missed} missed");
    out
}

/// The same for people to read, as Markdown.
pub fn markdown(groups: &[Group]) -> String {
    let mut out = "| work | pytheus | best peer | ratio | limit |\n|---|---:|---:|---:|---:|\n".to_owned();
    for line in lines(groups) {
        let unit = if line.unit == "bytes" { String::new() } else { format!(" {}", line.unit) };
        let figure = |cell: &Cell| format!("{}{unit}", number(cell.figure.median));
        let peer = line.peer.map_or(String::new(), |cell| format!("{} ({})", figure(cell), cell.name));
        let ratio = line.peer.and_then(|cell| line.to(cell)).map_or(String::new(), ratio);
        let limit = line.limit.map(figure).unwrap_or_default();
        let _ = writeln!(out, "| {} | {}{unit} | {peer} | {ratio} | {limit} |", line.title, number(line.ours));
    }
    out
}

/// Every figure, as CSV or JSON by the ending of the file.
pub fn write(groups: &[Group], path: &Path) -> io::Result<()> {
    let json = path.extension().is_some_and(|ending| ending == "json");
    let lines = groups.iter().flat_map(|group| group.cells.iter().map(move |cell| (group, cell)));
    let lines = lines.map(|(group, cell)| {
        let (key, unit, name, kind) = (group.key, group.unit, cell.name, cell.kind);
        let axis = group.axis.name();
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
