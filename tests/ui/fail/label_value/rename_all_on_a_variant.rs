// `rename_all` belongs to the enum.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {
    #[label_value(rename_all = "snake_case")]
    Get,
}

fn main() {}
