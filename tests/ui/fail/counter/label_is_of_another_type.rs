// The expression of a label is not of the type that is named.
use pytheus::counter;

#[derive(pytheus::LabelValue)]
enum Method {
    Get,
}

const _: Method = Method::Get;

#[counter(name = "jobs_total", help = "Jobs.", labels(method: Method = "get"))]
fn run() {}

fn main() {}
