// An option is of another derive.
use pytheus::LabelSet;

#[derive(LabelSet)]
struct Route {
    #[label(rename = "path")]
    route: &'static str,
}

fn main() {}
