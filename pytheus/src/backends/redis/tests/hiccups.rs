//! Lost replies, lost data, and processes that are cut off.

use super::relay::Relay;
use super::*;

/// Returns the keys of a process' own values and declarations, in the first partition.
fn own_keys(process: &TestProcess) -> [String; 2] {
    let names = native(&process.backend.0).state.with(|state| {
        let (keys, writer) = (&state.writer.partitions[0].keys, &state.writer.name);
        Ok::<_, BackendError>([keys.own(writer), keys.declared(writer)])
    });
    names.expect("no call is under way")
}

#[test]
fn a_batch_whose_reply_is_lost_counts_once() {
    let server = Server::start();
    let relay = Relay::to(server.port);
    let (mut one, other) = (server.process_with(&json!({"port": relay.port})), server.process());
    one.count("a_total", "x", 1);
    for round in 1..=3 {
        relay.lose_answer("a_total");
        one.count("a_total", "x", 1);
        assert_eq!(relay.lost(), round);
    }
    // For a while, all later connections fail as well.
    relay.lose_answer_and_all("a_total");
    let batch = one.batch("a_total", "x", 1);
    one.backend.apply(&batch).expect_err("there is no reply");
    assert_eq!(relay.lost(), 4);
    other.shows(&[("a_total x", 5.0)]);
    relay.pass();
    one.repeat(&batch);
    one.count("a_total", "x", 1);
    other.shows(&[("a_total x", 6.0)]);
}

#[test]
fn a_batch_that_arrives_after_its_process_has_ended_counts_once() {
    let server = Server::start();
    let relay = Relay::to(server.port);
    let (mut one, other) = (server.process_with(&json!({"port": relay.port})), server.process());
    let batch = one.batch("a_total", "x", 1);
    relay.hold("a_total");
    one.repeat(&batch);
    one.backend.close().expect("it ends");
    let answer = relay.release();
    assert!(answer.contains("duplicate") || answer.contains("data_loss"), "{answer}");
    other.shows(&[("a_total x", 1.0)]);
}

#[test]
fn live_gauges_are_resent_when_the_lease_ended_before_a_lost_reply() {
    let server = Server::start();
    let relay = Relay::to(server.port);
    let (mut one, other) = (server.process_with(&json!({"port": relay.port})), server.process());
    one.set(&gauge("before", GaugeMode::LiveSum), 3.0);
    let batch = one.setting(&gauge("meanwhile", GaugeMode::LiveSum), 2.0);
    relay.lose_answer_and_all("meanwhile");
    one.backend.apply(&batch).expect_err("the reply is lost");
    assert_eq!(relay.lost(), 1);
    assert_eq!(server.say(&format!("DEL {}", own_keys(&one)[0])), ":1");
    relay.pass();
    one.repeat(&batch);
    other.shows(&[("before ", 3.0), ("meanwhile ", 2.0)]);
}

#[test]
fn families_missing_in_the_index_are_redeclared() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    one.count("a_total", "x", 5);
    one.set(&gauge("live", GaugeMode::LiveSum), 2.0);
    other.count("b_total", "x", 1);
    assert_eq!(server.say("DEL {ns:0}:families"), ":1");
    // The index exists again, with another family.
    other.count("c_total", "x", 1);
    one.heartbeat();
    other.heartbeat();
    other.shows(&[("a_total x", 5.0), ("b_total x", 1.0), ("c_total x", 1.0), ("live ", 2.0)]);
}

#[test]
fn a_heartbeat_resends_a_lost_family_without_changes() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    one.count("a_total", "x", 5);
    other.count("a_total", "x", 1);
    assert_eq!(server.say(&format!("DEL {}", key("a_total", 0))), ":1");
    other.count("a_total", "x", 1);
    one.heartbeat();
    other.shows(&[("a_total x", 7.0)]);
}

#[test]
fn a_namespace_with_other_partitions_is_neither_read_nor_written() {
    let server = Server::start();
    let mut one = server.process();
    one.count("a_total", "x", 5);
    let mut other = server.process_with(&json!({"partitions": 4}));
    let error = fault(&other.scrape().expect_err("there is more"));
    assert!(error.contains("has the schema 2/1, where this program has 2/4"), "{error}");
    for name in ["a_total", "b_total", "c_total", "d_total"] {
        let batch = other.batch(name, "x", 1);
        other.backend.apply(&batch).expect_err("another schema");
    }
    one.shows(&[("a_total x", 5.0)]);
}

#[test]
fn declarations_with_other_buckets_add_up() {
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
fn declarations_of_a_name_are_ordered_by_their_begin_also_after_a_resend() {
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
    // Resent, they keep their times.
    server.say("FLUSHALL");
    other.heartbeat();
    one.heartbeat();
    other.count("a_total", "x", 2);
    assert_eq!((began(&shared), began(&counter("a_total"))), (older, newer));
    let value = |key: String, field: &str| server.say(&format!("HGET {key} {field}")).lines().last().map(str::to_owned);
    assert_eq!(value(key("a_total", 0), "n[\"x\"]").as_deref(), Some("3"));
    let key = schema::PartitionKeys::new("ns", 0).family(&shared.id());
    assert_eq!(value(key, "f[]").as_deref(), Some("1"));
    // A new process makes its declaration the last.
    server.process().set(&shared, 5.0);
    assert!(began(&shared) > newer);
}

#[test]
fn a_fault_in_one_partition_does_not_keep_another_from_its_maintenance() {
    let server = Server::start();
    let mut one = server.process_with(&json!({"partitions": 2, "expire_key_time": 5}));
    let names = ["a_total", "b_total", "c_total", "d_total"];
    for name in names {
        one.count(name, "x", 1);
    }
    let hash = names.map(|name| key(name, 1)).into_iter().find(|key| server.say(&format!("EXISTS {key}")) == ":1");
    let hash = hash.expect("two of four are in the second partition");
    server.say("DEL {ns:0}:alive");
    server.say("SET {ns:0}:alive other");
    thread::sleep(Duration::from_secs(2));
    one.heartbeat();
    let ttl = server.say(&format!("PTTL {hash}"));
    assert!(ttl.trim_start_matches(':').parse::<i64>().expect("a number") > 3_000, "{ttl}");
}

#[test]
fn a_process_redeclares_its_families_after_its_lease_has_ended() {
    let server = Server::start();
    let (mut one, mut other) = (server.process(), server.process());
    one.set(&gauge("a", GaugeMode::Shared), 1.0);
    other.set(&gauge("a", GaugeMode::LiveSum), 2.0);
    other.shows(&[("a ", 3.0)]);
    let declared = own_keys(&one)[1].clone();
    assert_eq!(server.say(&format!("DEL {declared}")), ":1");
    other.shows(&[("a ", 2.0)]);
    one.heartbeat();
    other.shows(&[("a ", 3.0)]);
    one.backend.close().expect("it ends");
    other.shows(&[("a ", 2.0)]);
}

#[test]
fn a_live_gauge_is_removed_in_every_declaration() {
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
fn a_declaration_of_another_kind_shows_until_its_processes_end() {
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
fn a_lost_reply_does_not_make_a_declaration_newer() {
    let server = Server::start();
    let relay = Relay::to(server.port);
    let (mut one, mut other) = (server.process_with(&json!({"port": relay.port, "timeout": 1})), server.process());
    let (older, newer) = (gauge("a", GaugeMode::Shared), gauge("a", GaugeMode::LiveSum));
    // So that the server has the script.
    one.heartbeat();
    let batch = one.setting(&older, 1.0);
    relay.lose_answer("f[]");
    // On an idle connection, the pool repeats the request itself.
    let _ = one.backend.apply(&batch);
    other.set(&newer, 2.0);
    one.repeat(&batch);
    assert_eq!(relay.lost(), 1);
    // Twice: the second round sends what the first one queues.
    (0..2).for_each(|_| one.heartbeat());
    let all = server.say("HGETALL {ns:0}:families");
    let began = |family: &FamilyKey| -> u64 {
        let mut lines = all.lines().skip_while(|line| *line != format!("@{}", family.id()));
        lines.nth(2).and_then(|time| time.parse().ok()).expect("the time is there")
    };
    assert!(began(&older) < began(&newer), "{all}");
    other.shows(&[("a ", 3.0)]);
}
