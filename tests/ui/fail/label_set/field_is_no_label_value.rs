// A float is no label value.
use pytheus::LabelSet;

#[derive(LabelSet)]
struct Route {
    seconds: f64,
}

fn main() {}
