//! Without the feature `redis-tls`, a configuration of TLS is an error: no connection falls back to plain text.

use pytheus::backends::redis::MultiProcessRedisBackend;
use pytheus::backends::{BackendSpec, json, load_backend};

#[test]
fn options_of_tls_are_an_error_with_the_name_of_the_feature() {
    for (key, config) in [
        ("tls", json!({"tls": true})),
        ("tls_ca", json!({"tls_ca": "ca.pem"})),
        ("tls_key", json!({"tls": true, "tls_key": "key.pem"})),
        ("url", json!({"url": "rediss://localhost:6379"})),
    ] {
        let error =
            load_backend(BackendSpec::of::<MultiProcessRedisBackend>().with_config(config)).expect_err("it has no TLS");
        let error = error.to_string();
        assert!(error.contains(&format!("`{key}`")) && error.contains("`redis-tls`"), "{error}");
    }
}
