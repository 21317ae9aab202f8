use pytheus::LabelSet;

#[derive(LabelSet)]
enum Method {
    Get,
}

fn main() {}
