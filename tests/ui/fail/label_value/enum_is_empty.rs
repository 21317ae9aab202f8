// There is no value.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {}

fn main() {}
