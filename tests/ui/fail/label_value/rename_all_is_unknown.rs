// There is no such case.
use pytheus::LabelValue;

#[derive(LabelValue)]
#[label_value(rename_all = "Sentence case")]
enum Method {
    Get,
}

fn main() {}
