//! The tasks of child processes.

use std::path::Path;
use std::sync::Arc;

use super::process::{Process, fold_all, jobs, remove_all};
use super::{compact, crash, crowd};
use crate::backends::file::dir::directory::Directory;
use crate::backends::file::write::shared_compaction;

pub(crate) fn run(task: &str, path: &Path) {
    let directory = Arc::new(Directory::open(path, false).expect("it is a good directory"));
    match task {
        "attach" => drop(Process::begin(&directory)),
        compact::CHURN | compact::CHURN_LONG => {
            compact::task(&mut Process::begin(&directory), task == compact::CHURN_LONG);
        }
        compact::SHARE => compact::share(&shared_compaction::open(&directory.shared_file()).expect("it is one")),
        crash::FOLD => drop(fold_all(&directory)),
        crash::CYCLE => {
            let mut process = Process::begin(&directory);
            process.count_in(&jobs(), &["a"], 1000, 0.0);
            fold_all(&directory);
            remove_all(&directory, process.id(), &jobs(), &["gone"]);
        }
        crowd::COME_AND_GO => {
            for _ in 0..50 {
                Process::begin(&directory).count_in(&jobs(), &["a"], 5, 0.0);
                fold_all(&directory);
            }
        }
        crowd::UNTIL_KILLED => loop {
            let mut process = Process::begin(&directory);
            let series = process.series(&jobs(), &["a"], false);
            for _ in 0..20 {
                eprint!("<");
                process.count(series, 5, 0.0);
                eprint!(">");
            }
            drop(process);
            fold_all(&directory);
        },
        crowd::SHORT_LIVES => {
            for _ in 0..500 {
                let mut process = Process::begin(&directory);
                process.count_in(&jobs(), &["a"], 1, 0.0);
                process.count_in(&jobs(), &["b"], 2, 0.0);
                process.count_in(&jobs(), &["c"], 0, 0.5);
                drop(process);
                if directory.list().expect("it is there").len() > 32 {
                    fold_all(&directory);
                }
            }
        }
        _ => panic!("no such task: {task}"),
    }
}
