// The path of the crate stands in quotes.
use pytheus::LabelValue;

#[derive(LabelValue)]
#[label_value(crate = "pytheus")]
enum Method {
    Get,
}

fn main() {}
