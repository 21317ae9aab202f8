// A case stands without quotes.
use pytheus::LabelValue;

#[derive(LabelValue)]
#[label_value(rename_all = snake_case)]
enum Method {
    Get,
}

fn main() {}
