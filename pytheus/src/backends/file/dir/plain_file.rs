//! Opens, makes and removes plain files, and nothing else.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use crate::backends::file::dir::{FileError, FileFault};

/// Opens a plain file, without following a link or waiting for the other end of a pipe. A new one is for this user
/// alone.
pub(crate) fn open(options: &mut OpenOptions, path: &Path) -> Result<File, FileError> {
    let fail = |error| FileError::io(path, error);
    let file = options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if !metadata.is_file() {
        return Err(FileError::new(path, FileFault::NotAFile));
    }
    if metadata.mode() & 0o600 != 0o600 {
        // A umask may have taken away the user's own permissions. Files of other users stay as they are.
        let _ = file.set_permissions(Permissions::from_mode(0o600));
    }
    Ok(file)
}

/// Makes a plain file with mode 0600, whatever the umask. As the superuser, gives it to the user of the directory, so
/// that others can read it.
pub(crate) fn create(path: &Path) -> Result<File, FileError> {
    let file = create_as_we_are(path)?;
    give_to_owner(&file, path).map_err(|error| FileError::io(path, error))?;
    Ok(file)
}

/// Opens a plain file, or makes it as [`create`] does.
pub(crate) fn open_or_create(path: &Path) -> Result<File, FileError> {
    match open(OpenOptions::new().read(true).write(true), path) {
        Err(error) if error.fault() == FileFault::Gone => {}
        opened => return opened,
    }
    match create(path) {
        // Another process has just made it.
        Err(error) if error.is_there() => open(OpenOptions::new().read(true).write(true), path),
        created => created,
    }
}

/// Gives a file that the superuser has made to the user of its directory.
pub(crate) fn give_to_owner(file: &File, path: &Path) -> std::io::Result<()> {
    let made = file.metadata()?;
    let Some(parent) = path.parent().filter(|_| made.uid() == 0) else { return Ok(()) };
    let directory = fs::metadata(parent)?;
    if directory.uid() == 0 { Ok(()) } else { fchown(file, Some(directory.uid()), Some(directory.gid())) }
}

/// Makes a plain file for the user of this process.
pub(crate) fn create_as_we_are(path: &Path) -> Result<File, FileError> {
    let file = open(OpenOptions::new().read(true).write(true).create_new(true), path)?;
    file.set_permissions(Permissions::from_mode(0o600)).map_err(|error| FileError::io(path, error))?;
    Ok(file)
}

/// Removes a file, if it is there.
pub(crate) fn remove_file(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FileError::io(path, error)),
        _ => Ok(()),
    }
}

/// Makes a file anew and has it written and renamed; it is removed if that fails.
pub(crate) fn stage(path: &Path, write: impl FnOnce(&mut File) -> Result<(), FileError>) -> Result<File, FileError> {
    // A crashed process may have left one.
    remove_file(path)?;
    let mut file = create(path)?;
    write(&mut file).inspect_err(|_| drop(fs::remove_file(path)))?;
    Ok(file)
}

/// Says whether an open file is at a path. No other file gets its inode while it is open.
pub(crate) fn is_at(file: &File, path: &Path) -> Result<bool, FileError> {
    let fail = |error| FileError::io(path, error);
    let own = file.metadata().map_err(fail)?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(fail(error)),
    }
}
