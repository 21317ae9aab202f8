//! Files that nobody can read, and keys that hold something else.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

/// The name of a file of this kind, of a process that there never was.
fn name(kind: &str, number: usize) -> String {
    format!("{kind}-{number:032x}")
}

/// A pipe, at the other end of which there is nobody.
fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("Debian's package `coreutils` is installed");
    assert!(made.success());
}

#[test]
fn what_cannot_be_read_keeps_nobody_from_what_others_have_left() {
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
    let heir = killed.heir();
    inherit(&heir);
    killed.assert_total();
    assert_eq!(killed.files().len(), 47, "they stay");
    inherit(&heir);
    killed.assert_total();
}

#[test]
fn damaged_notes_are_left_alone_with_their_process() {
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
    let heir = killed.heir();
    let assert_left = || {
        inherit(&heir);
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
    inherit(&heir);
    killed.assert_total();
}

#[test]
fn notes_do_not_grow_while_redis_does_not_take_what_was_counted() {
    let killed = Killed::new();
    killed.server.say(&format!("SET {} x", key("d_total", 0)));
    let heir = killed.heir();
    inherit(&heir);
    let len = || fs::metadata(killed.file("journal")).expect("it is there").len();
    let before = len();
    (0..5).for_each(|_| inherit(&heir));
    // Another one finds what this one has noted.
    inherit(&killed.heir());
    assert_eq!(len(), before);
    killed.server.say(&format!("DEL {}", key("d_total", 0)));
    inherit(&heir);
    killed.assert_total();
}

#[test]
fn what_is_laid_out_in_another_way_is_left_alone_until_it_is_not() {
    let killed = Killed::new();
    assert_eq!(killed.server.say("HSET {ns:0}:writers layout 2/9"), ":0");
    inherit(&killed.heir());
    assert!(killed.file("process").exists());
    assert_eq!(killed.server.say(&format!("HGET {} n[\"x\"]", key("c_total", 0))), "$1\r\n5");
    assert_eq!(killed.server.say("HSET {ns:0}:writers layout 2/1"), ":0");
    inherit(&killed.heir());
    killed.assert_total();
}
