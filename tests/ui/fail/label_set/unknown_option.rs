use pytheus::LabelSet;

#[derive(LabelSet)]
struct Route {
    #[label(rename = "path")]
    route: &'static str,
}

fn main() {}
