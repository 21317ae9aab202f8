// An option is misspelt.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {
    #[label_value(renam = "GET")]
    Get,
}

fn main() {}
