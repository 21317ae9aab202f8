//! Writes the numbers of a family without samples in between: nothing is allocated per series.

use super::template::{LineTemplate, PartTemplates, write_header};
use crate::backends::api::FamilyTotals;
use crate::model::descriptor::{Descriptor, Kind};
use crate::model::number;
use crate::model::snapshot::Number;

/// Encodes numbers as [`encode`](super::encode) does samples, under this name and with these constant labels.
pub(super) fn encode(
    name: &str,
    constant: &str,
    totals: &FamilyTotals<'_>,
    out: &mut String,
    on_series: &mut impl FnMut(&mut String),
) {
    let descriptor = totals.descriptor();
    // An info metric without stated facts has no sample.
    let is_shown = |number: &Number| descriptor.kind() != Kind::Info || *number == Number::Int(1);
    if !totals.iter().any(|(_, parts)| parts.iter().any(is_shown)) {
        return;
    }
    write_header(name, descriptor.help(), descriptor.kind(), out);
    let line = |suffix| LineTemplate::new(name, suffix, constant);
    match descriptor.kind() {
        Kind::Counter | Kind::Gauge | Kind::Info => {
            let value = line("");
            totals.each(|labels, parts| {
                if let [number] = parts
                    && is_shown(number)
                {
                    value.write(out, labels, *number);
                }
                on_series(out);
            });
        }
        Kind::Summary => {
            let lines = [line("_sum"), line("_count")];
            totals.each(|labels, parts| {
                if let [count, sum] = parts {
                    lines[0].write(out, labels, *sum);
                    lines[1].write(out, labels, *count);
                }
                on_series(out);
            });
        }
        Kind::Histogram => {
            let mut buckets = PartTemplates::new(name, "_bucket", constant, "le", bounds(descriptor));
            let (sums, counts) = (line("_sum"), line("_count"));
            totals.each(|labels, parts| {
                if let [each @ .., sum] = parts {
                    let mut total = 0_u64;
                    let cumulative = each.iter().map(|count| {
                        total = total.wrapping_add(count.as_count());
                        total
                    });
                    buckets.write(out, labels, cumulative);
                    sums.write(out, labels, Number::Float(sum.as_f64()));
                    counts.write(out, labels, Number::Int(total));
                }
                on_series(out);
            });
        }
        Kind::StateSet => {
            let mut states = PartTemplates::new(name, "", constant, name, descriptor.states());
            totals.each(|labels, parts| {
                states.write(out, labels, parts.iter().map(|held| held.as_count()));
                on_series(out);
            });
        }
    }
    out.push('\n');
}

/// Estimates the length of the text in bytes from the last series in order, without reading its numbers.
pub(super) fn expected_len(name: &str, constant: &str, totals: &FamilyTotals<'_>) -> usize {
    let Some(labels) = totals.last_labels() else { return 0 };
    let (lines, own) = match totals.descriptor().kind() {
        Kind::Counter | Kind::Gauge | Kind::Info => (1, 0),
        Kind::Summary => (2, "_count".len()),
        // The lines of the parts, and `_count`.
        Kind::Histogram => (totals.part_count() + 1, "_bucket,le=\"0.025\"".len()),
        Kind::StateSet => (totals.part_count(), name.len() + ",=\"a state\"".len()),
    };
    // A single series with long labels must not reserve the memory of many.
    let labels = labels.exposed().len().min(256);
    let line = name.len() + constant.len() + labels + own + "\n{,} 1234567".len();
    totals.len().saturating_mul(lines * line)
}

/// Returns the upper bounds of the buckets as text.
fn bounds(descriptor: &Descriptor) -> impl Iterator<Item = String> {
    let bounds = descriptor.buckets().iter().map(|bound| number::to_text(*bound));
    bounds.chain(["+Inf".to_owned()])
}
