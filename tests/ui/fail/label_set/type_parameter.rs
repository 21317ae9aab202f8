use pytheus::LabelSet;

#[derive(LabelSet)]
struct Route<T> {
    route: T,
}

fn main() {}
