// A label has a dot in its name.
use pytheus::LabelSet;

#[derive(LabelSet)]
struct Route {
    #[label(name = "http.route")]
    route: &'static str,
}

fn main() {}
