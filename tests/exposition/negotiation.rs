//! Each scraper gets the format that it asks for first: `Accept` headers with their answers.

use pytheus::exposition::{Escaping, Format, PROMETHEUS_CONTENT_TYPE};

const TEXT: &str = PROMETHEUS_CONTENT_TYPE;
const TEXT_1: &str = "text/plain; version=1.0.0; charset=utf-8";
const TEXT_1_UTF8: &str = "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const OPENMETRICS_UTF8: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8";
const OPENMETRICS_DOTS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots";
const OPENMETRICS_OLD: &str = "application/openmetrics-text; version=0.0.1; charset=utf-8";
const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// A scraper, its header, the content type of the answer, and the escaping of names.
type Row = (&'static str, &'static str, &'static str, Escaping);

/// Headers as scrapers send them.
#[rustfmt::skip]
const SCRAPERS: &[Row] = &[
    ("Prometheus 2.42", "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OPENMETRICS, Escaping::Underscores),
    ("Prometheus 2.42 with native histograms", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", PROTOBUF, Escaping::Underscores),
    ("Prometheus 2.49.0, whose last weight is a mistake", "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=2", OPENMETRICS, Escaping::Underscores),
    ("Prometheus 2.53", "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OPENMETRICS, Escaping::Underscores),
    ("Prometheus 2.53 with native histograms", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,application/openmetrics-text;version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", PROTOBUF, Escaping::Underscores),
    ("Prometheus 2.53 with scrape_protocols: [PrometheusText0.0.4]", "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", TEXT, Escaping::Underscores),
    ("Prometheus 3.0", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.3,*/*;q=0.2", OPENMETRICS_UTF8, Escaping::AllowUtf8),
    ("Prometheus 3.0 with native histograms", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,application/openmetrics-text;version=0.0.1;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;escaping=allow-utf-8;q=0.2,*/*;q=0.1", PROTOBUF, Escaping::AllowUtf8),
    ("Prometheus 3.5", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OPENMETRICS_UTF8, Escaping::AllowUtf8),
    ("Prometheus 3.5 with native histograms", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1", PROTOBUF, Escaping::AllowUtf8),
    ("Prometheus 3.5 with metric_name_escaping_scheme: dots", "application/openmetrics-text;version=1.0.0;escaping=dots;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=dots;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", OPENMETRICS_DOTS, Escaping::Dots),
    ("Prometheus 3.5 with scrape_protocols: [PrometheusText1.0.0]", "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,*/*;q=0.2", TEXT_1_UTF8, Escaping::AllowUtf8),
    ("the collector of OpenTelemetry, with the scrape code of Prometheus", "application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=underscores;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores", Escaping::Underscores),
    ("vmagent of VictoriaMetrics", "text/plain;version=0.0.4;q=1,*/*;q=0.1", TEXT, Escaping::Underscores),
    ("Telegraf", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3", PROTOBUF, Escaping::Underscores),
    ("tools of the days of kubelet's own format", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3,application/json;schema=\"prometheus/telemetry\";version=0.0.2;q=0.2,*/*;q=0.1", PROTOBUF, Escaping::Underscores),
    ("tools with the header of Prometheus' documentation, whose end is a misprint", "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,/;q=0.1", OPENMETRICS, Escaping::Underscores),
    ("curl, wget, and requests of Python", "*/*", TEXT, Escaping::Underscores),
    ("urllib of Python, without a header", "", TEXT, Escaping::Underscores),
    ("Chrome", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7", TEXT, Escaping::Underscores),
    ("Firefox", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT, Escaping::Underscores),
    ("HttpURLConnection of Java", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", TEXT, Escaping::Underscores),
];

/// Headers that nobody should send.
#[rustfmt::skip]
const OTHERS: &[Row] = &[
    ("equal weights: the first", "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.5", TEXT, Escaping::Underscores),
    ("the highest weight, wherever", "text/plain;q=0.1,*/*;q=0.9,application/openmetrics-text;version=1.0.0;q=0.2", OPENMETRICS, Escaping::Underscores),
    ("a weight of 0 excludes", "application/openmetrics-text;version=1.0.0;q=0,text/plain;q=0.001", TEXT, Escaping::Underscores),
    ("everything excluded", "application/openmetrics-text;q=0.000,*/*;q=0", TEXT, Escaping::Underscores),
    ("a weight above 1 is 1", "application/openmetrics-text;version=1.0.0,text/plain;q=7", OPENMETRICS, Escaping::Underscores),
    ("a negative weight is none", "text/plain;q=0.9,application/openmetrics-text;version=1.0.0;q=-3", OPENMETRICS, Escaping::Underscores),
    ("a weight that is no number is 1", "text/plain;q=0.9,application/openmetrics-text;version=1.0.0;q=high", OPENMETRICS, Escaping::Underscores),
    ("NaN is no weight", "text/plain;q=0.9,application/openmetrics-text;version=1.0.0;q=NaN", OPENMETRICS, Escaping::Underscores),
    ("OpenMetrics without a version", "application/openmetrics-text", OPENMETRICS_OLD, Escaping::Underscores),
    ("OpenMetrics 0.0.1", "application/openmetrics-text; version=0.0.1; charset=utf-8", OPENMETRICS_OLD, Escaping::Underscores),
    ("a version of OpenMetrics that is not there", "application/openmetrics-text;version=2.0.0,text/plain;q=0.1", TEXT, Escaping::Underscores),
    ("the versions before it", "application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1", OPENMETRICS, Escaping::Underscores),
    ("text without a version", "text/plain", TEXT, Escaping::Underscores),
    ("text 1.0.0 without an escaping", "text/plain;version=1.0.0", TEXT_1, Escaping::Underscores),
    ("a version of text that is not there", "text/plain;version=3,application/openmetrics-text;version=1.0.0;q=0.1", OPENMETRICS, Escaping::Underscores),
    ("any text", "text/*", TEXT, Escaping::Underscores),
    ("any application", "application/*", TEXT, Escaping::Underscores),
    ("protobuf without its parameters", "application/vnd.google.protobuf", TEXT, Escaping::Underscores),
    ("protobuf without a message", "application/vnd.google.protobuf;encoding=delimited,text/plain;version=1.0.0;q=0.1", TEXT_1, Escaping::Underscores),
    ("protobuf in another encoding", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text", TEXT, Escaping::Underscores),
    ("protobuf of another message", "application/vnd.google.protobuf;proto=google.protobuf.Any;encoding=delimited", TEXT, Escaping::Underscores),
    ("protobuf of OpenMetrics, which nothing reads", "application/openmetrics-protobuf;version=1.0.0", TEXT, Escaping::Underscores),
    ("capitals and blanks", "TEXT/PLAIN ; Q=0.1 , Application/OpenMetrics-Text ;\tVersion=\"1.0.0\" ; ESCAPING=Dots; q = 0.2, */*", TEXT, Escaping::Underscores),
    ("capitals", "TEXT/PLAIN ; Q=0.1 , Application/OpenMetrics-Text ;\tVersion=\"1.0.0\" ; ESCAPING=Dots; q=0.2, */*", OPENMETRICS_DOTS, Escaping::Dots),
    ("an escaping by values", "application/openmetrics-text;version=1.0.0;escaping=values", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values", Escaping::Values),
    ("an escaping that is not there", "application/openmetrics-text;version=1.0.0;escaping=rot13", OPENMETRICS, Escaping::Underscores),
    ("the escaping of another clause", "application/openmetrics-text;version=1.0.0,text/plain;version=1.0.0;escaping=dots;q=0.1", OPENMETRICS, Escaping::Underscores),
    ("a comma in quotes", "text/html;title=\"a,b;q=1\",application/openmetrics-text;version=1.0.0;q=0.1", OPENMETRICS, Escaping::Underscores),
    ("a quote that never ends", "application/openmetrics-text;version=\"1.0.0,text/plain", TEXT, Escaping::Underscores),
    ("a broken clause among others", "text/plain;;;,application/openmetrics-text;version=1.0.0;q=0.1,=;,/", OPENMETRICS, Escaping::Underscores),
    ("empty clauses", ",, ,application/openmetrics-text;version=1.0.0,,", OPENMETRICS, Escaping::Underscores),
    ("no list at all", "gzip", TEXT, Escaping::Underscores),
    ("blanks alone", " \t ", TEXT, Escaping::Underscores),
    ("letters beyond ASCII", "tëxt/plain;versión=1.0.0,application/openmetrics-text;version=1.0.0;q=0.1;title=\"ü\"", OPENMETRICS, Escaping::Underscores),
    ("nothing but letters beyond ASCII", "текст/обычный, 日本語/テキスト", TEXT, Escaping::Underscores),
    ("a suffix", "application/openmetrics-text+json;version=1.0.0", TEXT, Escaping::Underscores),
];

fn assert_answered(&(scraper, accept, content_type, escaping): &Row) {
    let negotiated = Format::negotiate(accept);
    let answer = (negotiated.content_type(), negotiated.escaping());
    assert_eq!(answer, (content_type.to_owned(), escaping), "{scraper}: {accept}");
    let base = negotiated.format().content_type();
    let is_old = content_type == OPENMETRICS_OLD && negotiated.format() == Format::OpenMetrics;
    assert!(is_old || content_type.starts_with(base), "{scraper}: {base}");
}

#[test]
fn each_scraper_gets_the_format_that_it_asks_for_first() {
    SCRAPERS.iter().for_each(assert_answered);
}

#[test]
fn weights_versions_and_broken_clauses_are_read_by_the_rules() {
    OTHERS.iter().for_each(assert_answered);
}

#[test]
fn a_huge_header_is_answered_with_text_unread() {
    let wish = "application/openmetrics-text;version=1.0.0";
    let up_to = |len: usize| {
        let filler = "a/b;c=d,".repeat(len / 8);
        format!("{}{wish}", &filler[..(len - wish.len()) / 8 * 8])
    };
    assert_eq!(Format::negotiate(&up_to(8 * 1024)).content_type(), OPENMETRICS);
    assert_eq!(Format::negotiate(&up_to(100_000)).content_type(), TEXT);
    for part in ["application/openmetrics-text;version=1.0.0,", ";", ",", "\"", "q=", "é", "a/a;b=\"\\\"\","] {
        assert_eq!(Format::negotiate(&part.repeat(100_000 / part.len())).content_type(), TEXT, "{part}");
    }
}

proptest::proptest! {
    #[test]
    fn any_header_has_an_answer(accept in "[a-z/*;=,\"\\\\ q0-9.é-]{0,80}") {
        let content_type = Format::negotiate(&accept).content_type();
        proptest::prop_assert!(content_type.starts_with("text/plain") || content_type.starts_with("application/"));
    }
}
