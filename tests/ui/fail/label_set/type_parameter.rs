// The type of a label is a parameter.
use pytheus::LabelSet;

#[derive(LabelSet)]
struct Route<T> {
    route: T,
}

fn main() {}
