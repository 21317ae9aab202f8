//! How variants become values.
#![deny(warnings, clippy::pedantic, missing_docs)]
#![forbid(unsafe_code)]
use pytheus::LabelValue;

#[derive(LabelValue)]
enum Plain {
    GetAll,
    HTTPError,
    #[label_value(rename = "with space")]
    Renamed,
    V2,
    r#Type,
}

#[derive(LabelValue)]
#[label_value(rename_all = "SCREAMING_SNAKE_CASE")]
enum Loud {
    GetAll,
}

#[derive(LabelValue)]
#[label_value(rename_all = "kebab-case", crate = ::pytheus)]
enum Kebab {
    GetAll,
}

#[derive(LabelValue)]
#[label_value(rename_all = "camelCase")]
enum Camel {
    GetAll,
}

#[derive(LabelValue)]
#[label_value(rename_all = "UPPERCASE")]
enum Upper {
    GetAll,
}

fn main() {
    assert_eq!(Plain::VALUES, Some(&["get_all", "http_error", "with space", "v2", "type"][..]));
    for (value, text) in [
        (Plain::GetAll, "get_all"),
        (Plain::HTTPError, "http_error"),
        (Plain::Renamed, "with space"),
        (Plain::V2, "v2"),
        (Plain::r#Type, "type"),
    ] {
        assert_eq!(value.as_label(), text);
        assert_eq!(value.into_label(), text);
    }
    assert_eq!(Loud::GetAll.as_label(), "GET_ALL");
    assert_eq!(Kebab::GetAll.as_label(), "get-all");
    assert_eq!(Camel::GetAll.as_label(), "getAll");
    assert_eq!(Upper::GetAll.as_label(), "GETALL");
}
