//! What is wrong with the configuration of a backend is said so that it can be put right: where it stands, the key, what
//! was found, what would be right.

use std::fmt::Debug;
use std::time::Duration;

use pytheus::backends::custom::Config;
use pytheus::backends::{ConfigError, Value, json};

fn config(values: Value) -> Config {
    Config::new(values).expect("an object")
}

/// What follows the name of the place.
fn said<T: Debug>(result: Result<T, ConfigError>) -> String {
    let error = result.expect_err("it is wrong").to_string();
    error.strip_prefix("the config given in the program: ").expect("it names the place").to_owned()
}

#[test]
fn a_value_of_its_type_is_read() {
    let mut config = config(json!({
        "text": "a", "path": "/run/shop", "yes": true, "port": 6379, "seconds": 0.25, "whole": 2, "names": ["a", "b"],
        "password": "hunter2", "nothing": null,
    }));
    assert_eq!(config.string("text"), Ok(Some("a".to_owned())));
    assert_eq!(config.path("path"), Ok(Some("/run/shop".into())));
    assert_eq!(config.bool("yes"), Ok(Some(true)));
    assert_eq!(config.integer("port", 1..=65535), Ok(Some(6379)));
    assert_eq!(config.duration("seconds", Duration::ZERO..=Duration::MAX), Ok(Some(Duration::from_millis(250))));
    assert_eq!(config.duration("whole", Duration::ZERO..=Duration::MAX), Ok(Some(Duration::from_secs(2))));
    assert_eq!(config.strings("names"), Ok(Some(vec!["a".to_owned(), "b".to_owned()])));
    let password = config.secret("password").expect("a string").expect("it is there");
    assert_eq!(password.reveal(), "hunter2");
    assert_eq!(config.string("nothing"), Ok(None));
    assert_eq!(config.string("left_out"), Ok(None));
    assert_eq!(config.finish(), Ok(()));
}

#[test]
fn a_value_of_another_type_is_named_beside_what_would_be_right() {
    let mut config = config(json!({
        "text": 5, "path": "", "yes": "true", "port": 65536, "quoted": "6379", "seconds": "5s", "long": -1,
        "names": ["a", 1], "nested": {"password": "hunter2"},
    }));
    assert_eq!(said(config.string("text")), "the key `text` is a number; it must be a string");
    assert_eq!(said(config.path("path")), "the key `path` is an empty string; it must be a path, which is a string");
    assert_eq!(said(config.bool("yes")), "the key `yes` is a string; it must be true or false, without quotes");
    assert_eq!(
        said(config.integer("port", 1..=65535)),
        "the key `port` is a number; it must be a whole number from 1 to 65535"
    );
    assert_eq!(
        said(config.integer("quoted", 1..=u64::MAX)),
        "the key `quoted` is a string; it must be a whole number of at least 1, without quotes"
    );
    let range = Duration::from_millis(10)..=Duration::from_secs(3600);
    assert_eq!(
        said(config.duration("seconds", range.clone())),
        "the key `seconds` is a string; it must be a number of seconds from 0.01 to 3600"
    );
    assert_eq!(
        said(config.duration("long", range.clone())),
        "the key `long` is a number; it must be a number of seconds from 0.01 to 3600"
    );
    assert_eq!(
        said(config.duration("long", Duration::ZERO..=Duration::MAX)),
        "the key `long` is a number; it must be a number of seconds, at least 0"
    );
    assert_eq!(said(config.strings("names")), "the key `names` is a list; it must be a list of strings");
    // Whatever is in there may be a secret.
    assert_eq!(said(config.string("nested")), "the key `nested` is an object; it must be a string");
    let error = config.invalid("text", "one of the letters a to z");
    assert_eq!(said::<()>(Err(error)), "the key `text` is a number; it must be one of the letters a to z");
}

#[test]
fn a_secret_shows_nowhere() {
    let mut config = config(json!({"password": ["hunter2"], "pin": "hunter2", "token": "hunter2"}));
    let wrong = config.secret("password").expect_err("a list");
    assert_eq!(wrong.to_string(), "the config given in the program: the key `password` is a list; it must be a string");
    let pin = config.secret("pin").expect("a string");
    let invalid = config.invalid("pin", "four digits");
    let unknown = config.finish().expect_err("the token");
    for text in [
        format!("{wrong:?} {invalid} {invalid:?} {unknown} {unknown:?}"),
        format!("{config:?} {pin:?}"),
        Config::new("hunter2").expect_err("no object").to_string(),
    ] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn a_key_that_is_not_known_is_an_error_with_the_one_that_was_meant() {
    let mut config = config(json!({"directry": "/run/shop"}));
    assert_eq!(config.path("directory"), Ok(None));
    assert_eq!(config.bool("allow_others"), Ok(None));
    assert_eq!(
        said(config.finish()),
        "there is no key `directry`; did you mean `directory`? The keys are `allow_others`, `directory`"
    );
    let missing = config.missing("directory");
    assert_eq!(missing.key(), Some("directory"));
    assert_eq!(
        said::<()>(Err(missing)),
        "the key `directory` is missing; it must be a path, which is a string. Is it meant by `directry`?"
    );
}

#[test]
fn a_backend_without_keys_says_so() {
    assert_eq!(
        said(config(json!({"colour": 1})).finish()),
        "it has a key that there is not, and that is not shown, as it may be a secret: this backend has none"
    );
    let mut config = config(json!({"colour": 1}));
    assert_eq!(config.string("host"), Ok(None));
    assert_eq!(
        said(config.finish()),
        "it has a key that there is not, and that is not shown, as it may be a secret; the keys are `host`"
    );
}

#[test]
fn what_is_no_object_is_refused() {
    assert_eq!(said(Config::new(json!(["directory"]))), "it is a list; it must be an object, {\"key\": value, ..}");
    assert!(Config::new(Value::Null).is_ok());
}
