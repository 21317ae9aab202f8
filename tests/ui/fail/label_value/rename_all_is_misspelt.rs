// A case is misspelt.
use pytheus::LabelValue;

#[derive(LabelValue)]
#[label_value(rename_all = "snakecase")]
enum Method {
    Get,
}

fn main() {}
