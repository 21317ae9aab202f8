//! Numbers at their limits: Redis has the totals of a single process.

use super::*;

const COUNTS: [u64; 14] = [
    0,
    1,
    9,
    u32::MAX as u64,
    1 << 32,
    (1 << 53) - 1,
    1 << 53,
    (1 << 53) + 1,
    i64::MAX as u64 - 1,
    i64::MAX as u64,
    1 << 63,
    (1 << 63) + 1,
    u64::MAX - 1,
    u64::MAX,
];

/// The value of a field.
fn value(server: &Server, key: &str, field: &str) -> String {
    let answer = server.say(&format!("HGET {key} {field}"));
    answer.lines().last().expect("there is an answer").to_owned()
}

#[test]
fn counts_are_exact_up_to_2_64() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    for (at, first) in COUNTS.into_iter().enumerate() {
        for (other_at, second) in COUNTS.into_iter().enumerate() {
            let label = format!("{at}-{other_at}");
            one.count("a_total", &label, first);
            other.count("a_total", &label, second);
            let found = value(&server, &key("a_total", 0), &format!("n[\"{label}\"]"));
            // Above that it wraps around, as in one process.
            let expected = first.wrapping_add(second).cast_signed().to_string();
            assert_eq!(found, expected, "{first} + {second}");
        }
    }
}

#[test]
fn buckets_and_counts_of_summaries_are_exact_up_to_2_64() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    let new = |kind, name| Descriptor::new(kind, name, "Help.").expect("a good name");
    let sizes = new(Kind::Histogram, "sizes").with_buckets([1.0, 2.0]).expect("good bounds");
    for descriptor in [sizes, new(Kind::Summary, "waits")] {
        let family = Arc::new(FamilyKey::new("", descriptor));
        let parts = |count: u64| {
            let mut parts = vec![Number::Int(count); family.part_count()];
            *parts.last_mut().expect("there is a sum") = Number::Float(0.5);
            parts
        };
        for (is_one, count) in [(true, i64::MAX as u64), (false, i64::MAX as u64), (true, 1)] {
            let process = if is_one { &mut one } else { &mut other };
            let batch = process.changing(&family, &[], parts(count), parts(count));
            process.backend.apply(&batch).expect("Redis takes it");
        }
        let mut totals = Totals::new("".into(), []);
        one.backend.load(&mut totals).expect("Redis answers");
        let (_, families) = totals.finish();
        let shown = families.iter().find(|shown| shown.descriptor().name() == family.name()).expect("it is there");
        let mut expected = parts(u64::MAX);
        *expected.last_mut().expect("there is a sum") = Number::Float(1.5);
        assert_eq!(format!("{:?}", shown.parts()), format!("{expected:?}"));
    }
}

#[test]
fn fractions_add_up_as_in_one_process_also_where_they_are_not_finite() {
    let (server, huge) = (Server::start(), 9_007_199_254_740_992.0);
    let (mut one, mut other) = (server.process(), server.process());
    let all = [0.1, 0.5, huge, huge + 2.0, 5e-324, 1.7e308, -1.7e308, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    for (at, first) in all.into_iter().enumerate() {
        for (other_at, second) in all.into_iter().enumerate() {
            let label = format!("{at}-{other_at}");
            for (process, amount) in [(&mut one, first), (&mut other, second)] {
                let parts = || vec![Number::Float(amount)];
                let batch = process.changing(&counter("a_total"), &[&label], parts(), parts());
                process.backend.apply(&batch).expect("Redis takes it");
            }
            let found = value(&server, &key("a_total", 0), &format!("f[\"{label}\"]"));
            let found: f64 = found.parse().expect("a number");
            let expected = first + second;
            assert!(
                found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                "{first} + {second}: {found}"
            );
        }
    }
}
