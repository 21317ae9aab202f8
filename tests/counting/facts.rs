//! Info and state sets.
#![allow(clippy::float_cmp, reason = "what is counted here is exact")]

use std::error::Error;

use pytheus::exposition::generate_metrics_from;
use pytheus::metrics::{Info, StateSet};
use pytheus::registry::{CollectorRegistry, REGISTRY, Registry};

type TestResult = Result<(), Box<dyn Error>>;

fn samples(registry: &CollectorRegistry) -> Result<Vec<String>, Box<dyn Error>> {
    let text = generate_metrics_from(registry)?;
    Ok(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

#[test]
fn an_info_shows_nothing_until_it_is_set() -> TestResult {
    let registry = CollectorRegistry::new();
    let build = Info::builder("build_info", "Build.").label_names(["commit"]).registry(&registry).build()?;
    let plain = Info::builder("plain_info", "Plain.").registry(&registry).build()?;
    let commit = build.labels([("commit", "c0ffee")])?;
    assert_eq!(generate_metrics_from(&registry)?, "");
    assert!(!commit.is_set());
    commit.set();
    plain.set();
    assert_eq!(samples(&registry)?, ["build_info{commit=\"c0ffee\"} 1", "plain_info 1"]);
    assert!(generate_metrics_from(&registry)?.contains("# TYPE build_info gauge\n"));
    Ok(())
}

#[test]
fn setting_an_info_replaces_the_former_facts() -> TestResult {
    let registry = CollectorRegistry::new();
    let build = Info::builder("build_info", "Build.").label_names(["commit"]).registry(&registry).build()?;
    let [first, second] = [build.labels([("commit", "1")])?, build.labels([("commit", "2")])?];
    first.set();
    second.set();
    assert_eq!(samples(&registry)?, ["build_info{commit=\"2\"} 1"]);
    assert!(second.is_set() && !first.is_set());
    first.set();
    first.set();
    assert_eq!(samples(&registry)?, ["build_info{commit=\"1\"} 1"]);
    Ok(())
}

#[test]
fn infos_that_are_set_at_once_leave_exactly_one() -> TestResult {
    let registry = CollectorRegistry::new();
    let build = Info::builder("race_info", "Race.").label_names(["who"]).registry(&registry).build()?;
    for round in 0..500 {
        std::thread::scope(|scope| {
            for who in ["a", "b"] {
                let build = &build;
                scope.spawn(move || build.labels([("who", who)]).expect("the label is right").set());
            }
        });
        assert_eq!(samples(&registry)?.len(), 1, "round {round}");
    }
    Ok(())
}

#[test]
fn an_info_ends_in_its_suffix() {
    let error = Info::builder("build", "Build.").unregistered().build().expect_err("the suffix is missing");
    assert_eq!(error.to_string(), "metric `build`: the name of an info metric must end in `_info`");
}

#[test]
fn a_state_set_shows_each_state_from_the_start() -> TestResult {
    let registry = CollectorRegistry::new();
    let phase = StateSet::builder("phase", "Phase.").states(["starting", "running"]).registry(&registry).build()?;
    assert_eq!(samples(&registry)?, ["phase{phase=\"starting\"} 0", "phase{phase=\"running\"} 0"]);
    phase.set("starting");
    phase.set("running");
    assert_eq!(samples(&registry)?, ["phase{phase=\"starting\"} 0", "phase{phase=\"running\"} 1"]);
    phase.enable("starting");
    phase.disable("running");
    assert_eq!(samples(&registry)?, ["phase{phase=\"starting\"} 1", "phase{phase=\"running\"} 0"]);
    assert!(phase.is_enabled("starting") && !phase.is_enabled("running"));
    Ok(())
}

#[test]
fn an_unknown_state_is_refused_and_counted() -> TestResult {
    let phase = StateSet::builder("phase", "Phase.").states(["on"]).unregistered().build()?;
    phase.set("on");
    phase.set("off");
    phase.enable("off");
    phase.disable("off");
    assert!(phase.is_enabled("on") && !phase.is_enabled("off"));
    let dropped = REGISTRY.sample_value("pytheus_dropped_updates_total", &[("reason", "unknown_state")]);
    assert_eq!(dropped, Some(3.0));
    Ok(())
}

#[test]
fn a_state_set_has_from_one_to_sixty_four_states() -> TestResult {
    let names: Vec<&'static str> = (0..65).map(|n| &*Box::leak(format!("s{n}").into_boxed_str())).collect();
    let registry = CollectorRegistry::new();
    let full = StateSet::builder("full", "Full.").states(names[..64].to_vec()).registry(&registry).build()?;
    full.set(names[63]);
    assert_eq!(registry.sample_value("full", &[("full", "s63")]), Some(1.0));
    assert_eq!(registry.sample_value("full", &[("full", "s0")]), Some(0.0));
    for (states, says) in [
        (vec![], "at least one state"),
        (names, "at most 64"),
        (vec!["a", "b", "a"], "given twice"),
        (vec!["a", ""], "can't be empty"),
    ] {
        let built = StateSet::builder("wrong", "Wrong.").states(states).unregistered().build();
        let error = built.expect_err(says).to_string();
        assert!(error.contains(says) && error.contains("`wrong`"), "{error}");
    }
    Ok(())
}

#[test]
fn a_state_set_that_can_not_name_a_label_is_refused() {
    // Its states stand under a label of its own name, and a label has no colon and no leading `__`.
    for name in ["job:phase", "__phase"] {
        let built = StateSet::builder(name, "Phase.").states(["on"]).unregistered().build();
        let error = built.expect_err("no label can be named like this").to_string();
        assert!(error.contains(name) && error.contains("label"), "{error}");
    }
}

#[test]
fn the_label_of_a_state_set_takes_the_prefix_of_the_registry_too() -> TestResult {
    let registry = CollectorRegistry::new().with_prefix("app")?;
    let phase = StateSet::builder("phase", "Phase.").states(["on", "off"]).registry(&registry).build()?;
    phase.set("on");
    assert_eq!(samples(&registry)?, ["app_phase{app_phase=\"on\"} 1", "app_phase{app_phase=\"off\"} 0"]);
    Ok(())
}

#[test]
fn the_label_of_a_state_set_collides_with_others_of_its_name() -> TestResult {
    let registry = CollectorRegistry::new().with_labels([("phase", "x")])?;
    let built = StateSet::builder("phase", "Phase.").states(["on"]).registry(&registry).build();
    assert!(built.expect_err("`phase` is a constant label").to_string().contains("constant label"));

    let own = StateSet::builder("phase", "Phase.").states(["on"]).label_names(["phase"]).unregistered().build();
    assert!(own.expect_err("`phase` is the label of the states").to_string().contains("label `phase`"));

    let prefixed = CollectorRegistry::new().with_prefix("app")?;
    let own =
        StateSet::builder("phase", "Phase.").states(["on"]).label_names(["app_phase"]).registry(&prefixed).build();
    assert!(own.expect_err("the prefix makes it the label of the states").to_string().contains("`app_phase`"));
    Ok(())
}
