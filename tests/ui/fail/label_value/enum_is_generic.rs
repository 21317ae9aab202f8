// The enum is generic.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method<const N: usize> {
    Get,
    Post,
}

fn main() {}
