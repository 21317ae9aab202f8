use pytheus::LabelSet;

#[derive(LabelSet)]
struct Route {
    seconds: f64,
}

fn main() {}
