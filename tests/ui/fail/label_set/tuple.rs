// The fields have no names.
use pytheus::LabelSet;

#[derive(LabelSet)]
struct Route(&'static str);

fn main() {}
