//! Damaged files, and keys of another type.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// Names a file of a process that never existed.
fn name(kind: &str, number: usize) -> String {
    format!("{kind}-{number:032x}")
}

/// Makes a pipe without another end.
fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("Debian's package `coreutils` is installed");
    assert!(made.success());
}

#[test]
fn unreadable_files_do_not_keep_other_processes_from_recovery() {
    let killed = Killed::new();
    let (directory, own) = (killed.directory(), killed.file("process"));
    for number in 0..40_u8 {
        fs::write(directory.join(name("process", number.into())), [number; 200]).expect("there is room");
    }
    fs::write(directory.join(name("process", 40)), b"").expect("there is room");
    symlink(&own, directory.join(name("process", 41))).expect("there is room");
    fs::create_dir(directory.join(name("process", 42))).expect("there is room");
    pipe(&directory.join(name("process", 43)));
    fs::copy(&own, directory.join(name("process", 44))).expect("there is room");
    fs::write(directory.join("process-x"), b"").expect("there is room");
    fs::create_dir(directory.join(name("journal", 45))).expect("there is room");
    let recoverer = killed.recoverer();
    recover(&recoverer);
    killed.assert_total();
    assert_eq!(killed.files().len(), 47, "they stay");
    recover(&recoverer);
    killed.assert_total();
}

#[test]
fn a_damaged_journal_and_its_process_are_left_alone() {
    let killed = Killed::new();
    let (path, kept) = (killed.file("journal"), killed.directory().join("kept"));
    let whole = fs::read(&path).expect("it is there");
    fs::rename(&path, &kept).expect("there is room");
    let greatest = u64::MAX;
    let damaged: [&[u8]; 7] = [
        b"",
        b"\xff\xfe\n",
        b"[\n",
        b"[\"batch\",0,1,0,[[\"c_total\",\"[\\\"x\\\"]\",\"5\"]],0]\n",
        b"[\"later\",0,1,0,[]]\n",
        &format!("[\"batch\",0,{greatest},0,[]]\n").into_bytes(),
        &vec![b'['; 100_000],
    ];
    let recoverer = killed.recoverer();
    let assert_left = || {
        recover(&recoverer);
        let shown = killed.server.process_with(&json!({})).scrape().expect("Redis answers");
        assert_eq!(shown, [("c_total x".to_owned(), 5.0)]);
        assert!(killed.file("process").exists());
    };
    assert_left();
    for bytes in damaged {
        fs::write(&path, [bytes, if bytes.ends_with(b"\n") { &whole } else { &[] }].concat()).expect("there is room");
        assert_left();
    }
    fs::remove_file(&path).expect("it is there");
    symlink(&kept, &path).expect("there is room");
    assert_left();
    fs::remove_file(&path).expect("it is there");
    pipe(&path);
    assert_left();
    fs::remove_file(&path).expect("it is there");
    fs::rename(&kept, &path).expect("it is there");
    recover(&recoverer);
    killed.assert_total();
}

#[test]
fn a_journal_does_not_grow_while_redis_refuses_a_recovery() {
    let killed = Killed::new();
    killed.server.say(&format!("SET {} x", key("d_total", 0)));
    let recoverer = killed.recoverer();
    recover(&recoverer);
    let len = || fs::metadata(killed.file("journal")).expect("it is there").len();
    let before = len();
    (0..5).for_each(|_| recover(&recoverer));
    // Another process finds the record of this one.
    recover(&killed.recoverer());
    assert_eq!(len(), before);
    killed.server.say(&format!("DEL {}", key("d_total", 0)));
    recover(&recoverer);
    killed.assert_total();
}

#[test]
fn a_namespace_with_another_schema_is_left_alone() {
    let killed = Killed::new();
    assert_eq!(killed.server.say("HSET {ns:0}:writers schema 2/9"), ":0");
    recover(&killed.recoverer());
    assert!(killed.file("process").exists());
    assert_eq!(killed.server.say(&format!("HGET {} n[\"x\"]", key("c_total", 0))), "$1\r\n5");
    assert_eq!(killed.server.say("HSET {ns:0}:writers schema 2/1"), ":0");
    recover(&killed.recoverer());
    killed.assert_total();
}
