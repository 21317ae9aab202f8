// Two mistakes are two errors.
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Method {
    Get(u8),
    #[label_value(name = "POST")]
    Post,
}

fn main() {}
