// Two fields are one label.
use pytheus::LabelSet;

#[derive(LabelSet)]
struct Route {
    path: &'static str,
    #[label(name = "path")]
    route: &'static str,
}

fn main() {}
