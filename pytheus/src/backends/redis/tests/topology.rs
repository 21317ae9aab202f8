//! Several partitions and servers.

use super::*;

#[test]
fn families_are_spread_over_the_nodes_of_a_cluster() {
    let cluster: Vec<_> = (0..3).map(|_| Server::start_with(&["--save", "", "--cluster-enabled", "yes"])).collect();
    for (node, slots) in cluster.iter().zip(["0 5460", "5461 10922", "10923 16383"]) {
        assert_eq!(node.say(&format!("CLUSTER ADDSLOTSRANGE {slots}")), "+OK");
        node.say(&format!("CLUSTER MEET 127.0.0.1 {}", cluster[0].port));
    }
    let deadline = Instant::now() + TIMEOUT;
    while !cluster.iter().all(|node| {
        let info = node.say("CLUSTER INFO");
        info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
    }) {
        assert!(Instant::now() < deadline, "the nodes do not find each other");
        thread::sleep(Duration::from_millis(50));
    }
    let config = json!({"port": null, "cluster": [format!("127.0.0.1:{}", cluster[2].port)], "partitions": 16});
    let (mut one, mut other) = (cluster[0].process_with(&config), cluster[0].process_with(&config));
    let names = ["a_total", "b_total", "c_total", "d_total", "e_total", "f_total", "g_total", "h_total"];
    for name in names {
        one.count(name, "x", 1);
        other.count(name, "x", 2);
    }
    let expected: Vec<_> = names.iter().map(|name| (format!("{name} x"), 3.0)).collect();
    for _ in 0..2 {
        assert_eq!(one.scrape().expect("the nodes answer"), expected);
    }
    let sizes: Vec<_> = cluster.iter().map(|node| node.say("DBSIZE")).collect();
    assert!(sizes.iter().filter(|size| *size != ":0").count() > 1, "{sizes:?}");
}

#[test]
fn sentinels_name_the_master() {
    let (master, next) = (Server::start(), Server::start());
    let sentinel = Server::start_with(&["--sentinel"]);
    assert_eq!(sentinel.say(&format!("SENTINEL MONITOR shop 127.0.0.1 {} 1", master.port)), "+OK");
    let node = format!("127.0.0.1:{}", sentinel.port);
    let mut one = sentinel.process_with(&json!({"port": null, "sentinels": [node], "service_name": "shop"}));
    one.count("a_total", "x", 1);
    master.process().shows(&[("a_total x", 1.0)]);
    drop(master);
    sentinel.say("SENTINEL REMOVE shop");
    let batch = one.batch("a_total", "x", 1);
    let error = fault(&one.backend.apply(&batch).expect_err("the master is gone"));
    assert!(error.contains("the master `shop` of the sentinels"), "{error}");
    // A master without the former data.
    sentinel.say(&format!("SENTINEL MONITOR shop 127.0.0.1 {} 1", next.port));
    one.backend.apply(&batch).expect("another master is there");
    next.process().shows(&[("a_total x", 2.0)]);
}

#[test]
fn a_scrape_reads_all_partitions_and_another_number_is_refused() {
    let server = Server::start();
    let mut process = server.process_with(&json!({"partitions": 3}));
    for name in ["a_total", "b_total", "c_total", "d_total"] {
        process.count(name, "x", 1);
    }
    process.set(&gauge("live", GaugeMode::LiveMax), 1.0);
    process.shows(&[("a_total x", 1.0), ("b_total x", 1.0), ("c_total x", 1.0), ("d_total x", 1.0), ("live ", 1.0)]);
    // Another number of partitions is another schema.
    let mut other = server.process_with(&json!({"partitions": 2}));
    let batch = other.batch("a_total", "x", 1);
    let error = fault(&other.backend.apply(&batch).expect_err("another schema"));
    assert!(error.contains("has the schema 2/3, where this program has 2/2"), "{error}");
}
