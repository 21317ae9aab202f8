//! Scrapes leave no thread behind.

use std::collections::BTreeSet;

use pytheus::exposition::{Ask, respond, respond_async};

/// The names of the threads of this process.
fn threads() -> BTreeSet<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.map(|name| name.trim_end().to_owned()).collect()
}

#[test]
fn threads_end_with_the_last_scrape_and_the_last_deadline() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    // The deadline is far off.
    let ask = Ask::new().timeout_header("1000");
    for _scrape in 0..20 {
        assert_eq!(runtime.block_on(respond_async(&ask)).status(), 200);
        assert_eq!(respond(&ask).status(), 200);
        drop(respond_async(&ask));
    }
    support::wait_for("end of the threads", || {
        let left = threads();
        let is_ours = |name: &String| ["pytheus-scrape", "pytheus-timer"].contains(&&**name);
        if left.iter().any(is_ours) { Err(format!("{left:?}")) } else { Ok(()) }
    });
}
