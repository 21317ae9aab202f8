// A union is no closed set.
use pytheus::LabelValue;

#[derive(LabelValue)]
union Method {
    verb: u8,
}

fn main() {}
