//! What other processes do.

use std::path::Path;

use super::super::directory::Directory;

pub(super) fn run(errand: &str, path: &Path) {
    let directory = Directory::open(path, false).expect("it is a good directory");
    match errand {
        "attach" => {
            let locked = directory.locked().expect("its turn comes");
            let (_life, new) = locked.create_process_file().expect("there is room");
            new.publish().expect("it can be renamed");
        }
        _ => panic!("no such errand: {errand}"),
    }
}
