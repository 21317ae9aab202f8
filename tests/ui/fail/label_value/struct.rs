// A struct is no closed set.
use pytheus::LabelValue;

#[derive(LabelValue)]
struct Method {
    verb: String,
}

fn main() {}
