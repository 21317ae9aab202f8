//! A program with default features has no configured backends, and says which feature adds them.

use std::process::Command;

/// Runs the program with these variables, and returns its exit status, and what it prints: the scrape, else the error.
fn scrape(arguments: &[&str], variables: &[(&str, &str)]) -> (bool, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_scrape"));
    program.args(arguments).env_remove("PYTHEUS_BACKEND_CLASS").env_remove("PYTHEUS_BACKEND_CONFIG");
    let output = program.envs(variables.iter().copied()).output().expect("the program runs");
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(text).expect("UTF-8"))
}

#[test]
fn a_program_without_a_backend_in_the_environment_is_scraped() {
    for variables in [&[][..], &[("PYTHEUS_BACKEND_CLASS", "single")], &[("PYTHEUS_BACKEND_CLASS", "")]] {
        let (is_ok, text) = scrape(&[], variables);
        assert!(is_ok && text.contains("jobs_total 1\n"), "{variables:?}: {text}");
    }
    let (is_ok, text) = scrape(&["single"], &[]);
    assert!(is_ok && text.contains("jobs_total 1\n"), "{text}");
}

#[test]
fn a_class_in_the_environment_fails_the_scrape_with_the_name_of_the_feature() {
    for (class, feature) in [
        ("file", "the feature `file` of pytheus"),
        ("redis", "the feature `redis` of pytheus"),
        ("pytheus.backends.redis.MultiProcessRedisBackend", "the feature `redis` of pytheus"),
        ("ledger", "`backend-config` for a backend of your own"),
    ] {
        let (is_ok, text) = scrape(&[], &[("PYTHEUS_BACKEND_CLASS", class)]);
        assert!(!is_ok && text.contains(feature), "{class}: {text}");
    }
}

#[test]
fn a_configuration_in_the_environment_fails_the_scrape_with_the_names_of_features() {
    let (is_ok, text) = scrape(&[], &[("PYTHEUS_BACKEND_CONFIG", "/run/shop.json")]);
    assert!(!is_ok && text.contains("PYTHEUS_BACKEND_CONFIG") && text.contains("`file` or `redis`"), "{text}");
    assert!(!text.contains("/run/shop.json"), "a variable in the wrong place may be a secret: {text}");
}

#[test]
fn loading_by_name_fails_with_the_name_of_the_feature() {
    let (is_ok, text) = scrape(&["file"], &[]);
    assert!(!is_ok && text.contains("the feature `file` of pytheus"), "{text}");
    let (is_ok, text) = scrape(&["p4ssword"], &[]);
    assert!(!is_ok && text.contains("backend-config") && !text.contains("p4ssword"), "{text}");
}

#[test]
fn neither_json_nor_redis_is_a_dependency() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "pytheus-tests-plain", "--edges", "normal", "--prefix", "none"])
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8(tree.stdout).expect("UTF-8");
    assert!(tree.contains("inventory v"), "{tree}");
    for name in ["serde_json v", "redis v", "rustls v", "log v", "tracing v"] {
        assert!(!tree.lines().any(|line| line.starts_with(name)), "{tree}");
    }
}
