// There is no such option.
use pytheus::LabelValue;

#[derive(LabelValue)]
#[label_value(sorted = true)]
enum Method {
    Get,
}

fn main() {}
