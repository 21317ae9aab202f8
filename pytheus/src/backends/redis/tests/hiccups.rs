//! What one of a process and its server misses of the other.

use super::relay::Relay;
use super::*;

#[test]
fn a_batch_of_which_nobody_hears_counts_once() {
    let server = Server::start();
    let relay = Relay::to(server.port);
    let (mut one, other) = (server.process_with(&json!({"port": relay.port})), server.process());
    one.count("a_total", "x", 1);
    for round in 1..=3 {
        relay.lose_answer("a_total");
        one.count("a_total", "x", 1);
        assert_eq!(relay.lost(), round);
    }
    // Nobody comes through for a while, either.
    relay.lose_answer_and_all("a_total");
    let batch = one.batch("a_total", "x", 1);
    one.backend.apply(&batch).expect_err("nobody answers");
    assert_eq!(relay.lost(), 4);
    other.shows(&[("a_total x", 5.0)]);
    relay.pass();
    one.repeat(&batch);
    one.count("a_total", "x", 1);
    other.shows(&[("a_total x", 6.0)]);
}

#[test]
fn a_batch_that_arrives_when_its_process_has_ended_counts_once() {
    let server = Server::start();
    let relay = Relay::to(server.port);
    let (mut one, other) = (server.process_with(&json!({"port": relay.port})), server.process());
    let batch = one.batch("a_total", "x", 1);
    relay.hold("a_total");
    one.repeat(&batch);
    one.backend.close().expect("it ends");
    let answer = relay.release();
    assert!(answer.contains("again") || answer.contains("lost"), "{answer}");
    other.shows(&[("a_total x", 1.0)]);
}

#[test]
fn gauges_of_the_living_are_there_after_a_lease_that_was_over_before_an_answer_came() {
    let server = Server::start();
    let relay = Relay::to(server.port);
    let (mut one, other) = (server.process_with(&json!({"port": relay.port})), server.process());
    one.set(&gauge("before", GaugeMode::LiveSum), 3.0);
    let batch = one.setting(&gauge("meanwhile", GaugeMode::LiveSum), 2.0);
    {
        let inner = &one.backend.0;
        // The thread that says that the process lives comes later.
        let mut aboard = inner.sender.board();
        let sender = aboard.get().expect("nobody else has it");
        relay.lose_answer_and_all("meanwhile");
        sender.apply(&inner.common, &batch).expect_err("nobody answers");
        assert_eq!(relay.lost(), 1);
        assert_eq!(server.say(&format!("DEL {}", sender.shards[0].own)), ":1");
        relay.pass();
        sender.apply(&inner.common, &batch).expect("it was applied");
    }
    other.shows(&[("before ", 3.0), ("meanwhile ", 2.0)]);
}

#[test]
fn families_that_the_index_has_lost_come_back() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    one.count("a_total", "x", 5);
    one.set(&gauge("live", GaugeMode::LiveSum), 2.0);
    other.count("b_total", "x", 1);
    assert_eq!(server.say("DEL {ns:0}:families"), ":1");
    // Another one is there again before the first one looks.
    other.count("c_total", "x", 1);
    one.live();
    other.live();
    other.shows(&[("a_total x", 5.0), ("b_total x", 1.0), ("c_total x", 1.0), ("live ", 2.0)]);
}

#[test]
fn a_family_that_is_gone_and_does_not_change_comes_back() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    one.count("a_total", "x", 5);
    other.count("a_total", "x", 1);
    assert_eq!(server.say(&format!("DEL {}", key("a_total", 0))), ":1");
    other.count("a_total", "x", 1);
    one.live();
    other.shows(&[("a_total x", 7.0)]);
}

#[test]
fn a_namespace_of_another_size_is_neither_read_nor_written() {
    let server = Server::start();
    let mut one = server.process();
    one.count("a_total", "x", 5);
    let mut other = server.process_with(&json!({"shards": 4}));
    let error = fault(&other.scrape().expect_err("there is more"));
    assert!(error.contains("laid out as 2/1, where this program has 2/4"), "{error}");
    for name in ["a_total", "b_total", "c_total", "d_total"] {
        let batch = other.batch(name, "x", 1);
        other.backend.apply(&batch).expect_err("it is laid out in another way");
    }
    one.shows(&[("a_total x", 5.0)]);
}

#[test]
fn a_family_that_is_made_anew_in_another_way_adds_up_with_the_first() {
    let server = Server::start();
    let (mut one, other) = (server.process(), server.process());
    let histogram = |buckets: &[f64]| {
        let descriptor = Descriptor::new(Kind::Histogram, "sizes", "Help.");
        let descriptor = descriptor.and_then(|new| new.with_buckets(buckets.to_vec()));
        Arc::new(FamilyKey::new("", descriptor.expect("a good name")))
    };
    let (first, second) = (histogram(&[1.0, 2.0]), histogram(&[1.0, 2.0, 3.0]));
    let counts = |counts: &[u64]| counts.iter().map(|count| Number::Int(*count)).collect::<Vec<_>>();
    for (family, parts) in [(&first, counts(&[1, 0, 0, 1])), (&second, counts(&[0, 0, 0, 7, 9]))] {
        let batch = one.changing(family, &[], parts.clone(), parts);
        one.backend.apply(&batch).expect("it is reported");
    }
    let mut totals = Totals::new("".into(), []);
    other.backend.load(&mut totals).expect("Redis answers");
    let (_, families) = totals.finish();
    let [family] = &families[..] else { panic!("{families:?}") };
    assert_eq!(family.parts(), counts(&[1, 0, 0, 7, 10]), "{family:?}");
}

#[test]
fn two_declarations_of_a_name_are_kept_apart_in_the_order_in_which_they_were_begun() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    let shared = gauge("a_total", GaugeMode::Shared);
    one.set(&shared, 1.0);
    other.count("a_total", "x", 1);
    let began = |family: &FamilyKey| {
        let answer = server.say(&format!("HGET {{ns:0}}:families @{}", family.id()));
        answer.lines().last().and_then(|time| time.parse::<u64>().ok()).expect("the time is there")
    };
    let (older, newer) = (began(&shared), began(&counter("a_total")));
    assert!(older <= newer, "{older} {newer}");
    // Told again, they are as old as they were.
    server.say("FLUSHALL");
    other.live();
    one.live();
    other.count("a_total", "x", 2);
    assert_eq!((began(&shared), began(&counter("a_total"))), (older, newer));
    let value = |key: String, field: &str| server.say(&format!("HGET {key} {field}")).lines().last().map(str::to_owned);
    assert_eq!(value(key("a_total", 0), "n[\"x\"]").as_deref(), Some("3"));
    let key = schema::Keys::new("ns", 0).family(&shared.id());
    assert_eq!(value(key, "f[]").as_deref(), Some("1"));
    // A process that begins one of them again makes it the last.
    server.process().set(&shared, 5.0);
    assert!(began(&shared) > newer);
}

#[test]
fn a_shard_that_can_not_be_written_keeps_no_other_one_from_living() {
    let server = Server::start();
    let mut one = server.process_with(&json!({"shards": 2, "expire_key_time": 5}));
    let names = ["a_total", "b_total", "c_total", "d_total"];
    for name in names {
        one.count(name, "x", 1);
    }
    let hash = names.map(|name| key(name, 1)).into_iter().find(|key| server.say(&format!("EXISTS {key}")) == ":1");
    let hash = hash.expect("two of four are in the second shard");
    server.say("DEL {ns:0}:alive");
    server.say("SET {ns:0}:alive other");
    // Two heartbeats: the first one may have begun before.
    (0..2).for_each(|_| server.is_extended_beyond(&hash, 3_000));
}

#[test]
fn a_process_that_was_not_heard_of_for_a_while_says_again_what_it_declares() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    one.set(&gauge("a", GaugeMode::Shared), 1.0);
    other.set(&gauge("a", GaugeMode::LiveSum), 2.0);
    other.shows(&[("a ", 3.0)]);
    let declared = one.backend.0.sender.board().get().expect("nobody else has it").shards[0].declared.clone();
    // It may be back before anybody looks.
    assert_eq!(server.say(&format!("DEL {declared}")), ":1");
    assert!([2.0, 3.0].contains(&other.scrape().expect("Redis answers")[0].1));
    one.live();
    other.shows(&[("a ", 3.0)]);
    one.backend.close().expect("it ends");
    other.shows(&[("a ", 2.0)]);
}

#[test]
fn a_gauge_of_the_living_is_removed_in_every_declaration() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    one.set(&gauge("a", GaugeMode::LiveMax), 1.0);
    other.set(&gauge("a", GaugeMode::LiveSum), 2.0);
    let family = gauge("a", GaugeMode::LiveSum);
    let series = vec![(Arc::clone(&family), SeriesKey::new(&family, &[]))];
    other.sequence += 1;
    let removal = Removal { writer: other.writer, sequence: other.sequence, series };
    other.backend.remove(&removal).expect("Redis takes it");
    one.shows(&[]);
}

#[test]
fn another_kind_of_the_same_name_stands_beside_the_first_until_its_processes_end() {
    let server = Server::start();
    let (mut one, mut other, third) = (server.process(), server.process(), server.process());
    one.count("a_total", "x", 5);
    let second = gauge("a_total", GaugeMode::Shared);
    other.set(&second, 2.0);
    third.shows(&[("a_total ", 2.0)]);
    one.count("a_total", "x", 1);
    other.backend.close().expect("it ends");
    third.shows(&[("a_total x", 6.0)]);
    one.backend.close().expect("it ends");
    third.shows(&[("a_total ", 2.0)]);
}

#[test]
fn an_answer_that_was_lost_makes_no_declaration_newer() {
    let server = Server::start();
    let relay = Relay::to(server.port);
    let (mut one, mut other) = (server.process_with(&json!({"port": relay.port, "timeout": 1})), server.process());
    let (older, newer) = (gauge("a", GaugeMode::Shared), gauge("a", GaugeMode::LiveSum));
    let batch = one.setting(&older, 1.0);
    relay.lose_answer("f[]");
    // It asks again by itself, where its connection was idle.
    let _ = one.backend.apply(&batch);
    other.set(&newer, 2.0);
    one.repeat(&batch);
    assert_eq!(relay.lost(), 1);
    // Twice, so that what is to be told again has been told.
    (0..2).for_each(|_| one.live());
    let all = server.say("HGETALL {ns:0}:families");
    let began = |family: &FamilyKey| -> u64 {
        let mut lines = all.lines().skip_while(|line| *line != format!("@{}", family.id()));
        lines.nth(2).and_then(|time| time.parse().ok()).expect("the time is there")
    };
    assert!(began(&older) < began(&newer), "{all}");
    other.shows(&[("a ", 3.0)]);
}
