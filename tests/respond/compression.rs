use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use pytheus::exposition::{Ask, respond_from};
use pytheus::metrics::Counter;
use pytheus::registry::CollectorRegistry;

use crate::{alone, header, text};

/// A registry with so many series.
fn registry(series: u32) -> Arc<CollectorRegistry> {
    let registry = CollectorRegistry::new();
    let rows =
        Counter::builder("rows_total", "Rows, by table.").label_names(["table"]).registry(&registry).build().unwrap();
    for table in 0..series {
        rows.labels([("table", format!("customers_of_the_year_{table}"))]).unwrap().inc_by(table);
    }
    Arc::new(registry)
}

/// Unpacks with the decoder of Python.
fn unpacked(body: &[u8]) -> String {
    let program = "import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))";
    let mut python = Command::new("python3")
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut input = python.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(body).unwrap());
        let output = python.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    })
}

#[test]
fn another_decoder_unpacks_what_is_compressed() {
    let _alone = alone();
    let registry = registry(5_000);
    let plain = respond_from(registry.clone(), &Ask::new());
    let packed = respond_from(registry, &Ask::new().accept_encoding("gzip, deflate, br"));
    assert_eq!(header(&packed, "Content-Encoding"), Some("gzip"));
    assert_eq!(header(&packed, "Content-Type"), header(&plain, "Content-Type"));
    assert_eq!(header(&packed, "Content-Length").unwrap(), packed.body().len().to_string());
    assert!(packed.body().len() * 4 < plain.body().len(), "{} of {}", packed.body().len(), plain.body().len());
    assert_eq!(unpacked(packed.body()), text(&plain));
}

#[test]
fn a_small_answer_is_not_compressed() {
    let _alone = alone();
    let answer = respond_from(registry(3), &Ask::new().accept_encoding("gzip"));
    assert!(answer.body().len() < 1024);
    assert_eq!(header(&answer, "Content-Encoding"), None);
    assert!(text(&answer).starts_with("# HELP rows_total "));
}

#[test]
fn compression_is_the_choice_of_the_scraper() {
    let _alone = alone();
    let registry = registry(100);
    let compressed = [
        "gzip",
        "GZIP",
        "x-gzip",
        "deflate, gzip;q=1.0, *;q=0.5",
        "*",
        "br;q=1, gzip;q=0.2",
        "identity;q=0.5, gzip;q=0.5",
        " gzip ; q=0.3 ,identity; q=0.1",
        "gzip;q=high",
    ];
    let plain = [
        "",
        "identity",
        "deflate, br",
        "gzip;q=0",
        "*;q=0",
        "gzip;q=0, *",
        "identity, gzip;q=0.5",
        "gzipped",
        ",;,",
        "gzip;Q=0.000",
        "gzíp",
    ];
    let wishes = compressed.map(|wish| (wish, Some("gzip"))).into_iter().chain(plain.map(|wish| (wish, None)));
    for (wish, encoding) in wishes {
        let answer = respond_from(registry.clone(), &Ask::new().accept_encoding(wish));
        assert_eq!(header(&answer, "Content-Encoding"), encoding, "{wish}");
    }
}
