// Two variants have one value once in lower case.
use pytheus::LabelValue;

#[derive(LabelValue)]
#[label_value(rename_all = "lowercase")]
enum Method {
    GetAll,
    Getall,
}

fn main() {}
