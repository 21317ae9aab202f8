//! Without the feature `redis-tls`, nobody talks to a Redis in plain who has asked for TLS.

use pytheus::backends::redis::MultiProcessRedisBackend;
use pytheus::backends::{BackendSpec, json, load_backend};

#[test]
fn what_needs_the_feature_is_an_error_that_names_it() {
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
