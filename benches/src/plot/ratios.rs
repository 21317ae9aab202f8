//! A line for each row of the ratios: everyone's cost in terms of the best peer's.

use std::fmt::Write as _;

use super::{WIDTH, colour, escaped, is_shown};
use crate::race::Kind;
use crate::report::{Line, lines, number};
use crate::rows::Group;

const SECTIONS: [(&str, &[&str]); 6] = [
    ("Counting", &["inc", "inc_by", "observe", "guard"]),
    ("Timing", &["timing", "attribute", "attribute_async"]),
    ("Finding a series", &["lookup_20", "lookup_20000"]),
    ("Scraping", &["scrape_counters", "scrape_histograms"]),
    ("Memory", &["memory", "memory_histogram"]),
    ("Scraping several processes", &["backend_scrape", "backend_scrape_histograms"]),
];
const LEFT: f64 = 348.0;
const RIGHT: f64 = 606.0;
const TOP: f64 = 50.0;
const LINE: f64 = 19.0;
const HEADING: f64 = 24.0;

/// Returns the height.
pub(super) fn draw(out: &mut String, groups: &[Group]) -> f64 {
    let lines = lines(groups);
    let lines: Vec<_> =
        lines.iter().filter_map(|line| Some((line, line.peer.filter(|peer| is_shown(peer))?))).collect();
    if lines.is_empty() {
        return 0.0;
    }
    let logs = lines.iter().flat_map(|(line, peer)| {
        let cells = line.group.cells.iter().filter(|cell| cell.at == line.target.at && is_shown(cell));
        cells.map(|cell| (cell.figure.median / peer.figure.median).log10())
    });
    let (low, high) = logs.fold((-1.0_f64, 1.0_f64), |(low, high), log| (low.min(log), high.max(log)));
    // Some room, so that no mark is on the edge.
    let (low, high) = (low - 0.1, high + 0.1);
    let x = |ratio: f64| LEFT + (RIGHT - LEFT) * (ratio.log10() - low) / (high - low);

    let mut body = String::new();
    let mut y = TOP;
    for (heading, keys) in SECTIONS {
        let section: Vec<_> = lines.iter().filter(|(line, _)| keys.contains(&line.target.group)).collect();
        if section.is_empty() {
            continue;
        }
        let _ = writeln!(body, "<text class=\"bold\" x=\"12\" y=\"{}\">{heading}</text>", y + 15.0);
        y += HEADING;
        for (line, peer) in section {
            row(&mut body, line, peer.figure.median, y, &x);
            let unit = if line.unit == "bytes" { "B" } else { line.unit };
            let _ = writeln!(
                body,
                "<text class=\"bold end\" x=\"686\" y=\"{}\">{} {unit}</text>\
                 <text x=\"700\" y=\"{0}\">{} {unit}</text><text class=\"dim\" x=\"758\" y=\"{0}\">{}</text>",
                y + 13.0,
                number(line.ours),
                number(peer.figure.median),
                peer.name
            );
            y += LINE;
        }
    }
    axis(out, low, high, y, &x);
    out.push_str(&body);
    y + 34.0
}

fn row(out: &mut String, line: &Line<'_>, best: f64, y: f64, x: &impl Fn(f64) -> f64) {
    let middle = y + 9.0;
    let title = line.title.replace(", 2 labels", "").replace("bytes per", "a").replace(", 10,000 series", "");
    let title = escaped(&title.replace(", 1,000 series", ""));
    let _ = writeln!(out, "<text class=\"dim\" x=\"20\" y=\"{}\">{title}</text>", y + 13.0);
    let cells = line.group.cells.iter().filter(|cell| cell.at == line.target.at && is_shown(cell));
    let mut cells: Vec<_> = cells.collect();
    // Ours last, so that it lies on top.
    cells.sort_by_key(|cell| cell.kind == Kind::Ours);
    for cell in cells {
        let x = x(cell.figure.median / best);
        let _ = match cell.kind {
            Kind::Limit => writeln!(
                out,
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{}\" class=\"limit\" stroke-width=\"2\"/>",
                middle - 7.0,
                middle + 7.0
            ),
            Kind::Ours => {
                writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{middle}\" r=\"5.5\" fill=\"{}\"/>", colour(cell))
            }
            _ => writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{middle}\" r=\"3.5\" fill=\"{}\" fill-opacity=\".8\"/>",
                colour(cell)
            ),
        };
    }
    let _ = writeln!(out, "<circle cx=\"{:.1}\" cy=\"{middle}\" r=\"6\" fill=\"none\" class=\"base\"/>", x(1.0));
}

fn axis(out: &mut String, low: f64, high: f64, bottom: f64, x: &impl Fn(f64) -> f64) {
    let _ = writeln!(
        out,
        "<text class=\"bold\" x=\"12\" y=\"22\" font-size=\"13\">Cost, relative to the best peer</text>\
         <text class=\"dim\" x=\"{LEFT}\" y=\"22\">logarithmic; left is better</text>\
         <text class=\"bold end\" x=\"686\" y=\"22\">pytheus</text><text class=\"bold\" x=\"700\" y=\"22\">best peer</text>"
    );
    for decade in low.ceil() as i32..=high.floor() as i32 {
        let at = x(10_f64.powi(decade));
        let label = match decade {
            0.. => format!("×{}", 10_i64.pow(decade.unsigned_abs())),
            _ => format!("1/{}", 10_i64.pow(decade.unsigned_abs())),
        };
        let class = if decade == 0 { "base" } else { "grid" };
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{}\" y2=\"{}\" class=\"{class}\"/>\
             <text class=\"dim middle\" x=\"{at:.1}\" y=\"{}\">{label}</text>",
            TOP - 4.0,
            bottom + 4.0,
            TOP - 9.0
        );
    }
    let _ =
        writeln!(out, "<line x1=\"12\" x2=\"{}\" y1=\"{}\" y2=\"{1}\" class=\"grid\"/>", WIDTH - 12.0, bottom + 16.0);
}
