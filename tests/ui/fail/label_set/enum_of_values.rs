// An enum of values is no label set.
use pytheus::LabelSet;

#[derive(LabelSet)]
enum Method {
    Get,
}

fn main() {}
