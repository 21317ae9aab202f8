//! Reads the archive, and replaces it as a whole.

use std::fs;
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use crate::backends::failpoint::failpoint;
use crate::backends::file::archive::{Archive, decode, encode};
use crate::backends::file::dir::{DirLock, Directory, FileError, FileFault, is_at, open, roster, stage};
use crate::backends::file::format::{FormatError, SkippedFile};

impl Archive {
    /// Reads the current archive; an empty one if there is none.
    pub(crate) fn read(directory: &Directory) -> Result<Self, SkippedFile> {
        let path = directory.archive();
        let file = match open(OpenOptions::new().read(true), &path) {
            Ok(file) => file,
            Err(error) if error.fault() == FileFault::Gone => return Ok(Self::default()),
            Err(error) => return Err(FormatError::from(error).at(&path)),
        };
        let fail = |error: std::io::Error| FormatError::from(error).at(&path);
        let mut bytes = Vec::new();
        // No longer than it was: an archive never changes.
        let len = file.metadata().map_err(fail)?.len();
        (&file).take(len).read_to_end(&mut bytes).map_err(fail)?;
        let mut archive = decode(&bytes).map_err(|fault| fault.at(&path))?;
        archive.file = Some(Arc::new(file));
        Ok(archive)
    }

    /// Says whether this archive is the current one.
    pub(crate) fn is_current(&self, directory: &Directory) -> Result<bool, FileError> {
        let path = directory.archive();
        match &self.file {
            Some(file) => is_at(file, &path),
            None => fs::exists(&path).map(|there| !there).map_err(|error| FileError::io(&path, error)),
        }
    }

    /// Returns a copy of the current archive, to be changed and [written](Self::write).
    ///
    /// An archive that can't be read, or is older than the roster says, is refused.
    pub(crate) fn to_change(&self, locked: &DirLock<'_>) -> Result<Self, FileError> {
        let directory = locked.directory();
        if self.is_current(directory)? && !roster::archive_is_lost(directory, self.generation)? {
            return Ok(Self { file: None, ..self.clone() });
        }
        let archive = Self::read(directory).map_err(FileError::archive)?;
        if roster::archive_is_lost(directory, archive.generation)? {
            return Err(FileError::new(&directory.archive(), FileFault::Lost));
        }
        Ok(archive)
    }

    /// Replaces the current archive by this one, in one step.
    pub(crate) fn write(&mut self, locked: &DirLock<'_>) -> Result<(), FileError> {
        self.generation += 1;
        let (new, path) = (locked.directory().new_archive(), locked.directory().archive());
        let fail = |error| FileError::io(&path, error);
        let bytes = encode(self).map_err(|error| fail(error.into()))?;
        let file = stage(&new, |file| {
            failpoint("archive made");
            let (half, rest) = bytes.split_at(bytes.len() / 2);
            file.write_all(half).map_err(fail)?;
            failpoint("archive half written");
            file.write_all(rest).map_err(fail)?;
            failpoint("archive written");
            // If the lock file was removed, another process may hold another lock, and have written an archive.
            locked.check_current()?;
            fs::rename(&new, &path).map_err(fail)
        })?;
        failpoint("archive renamed");
        self.file = Some(Arc::new(file));
        Ok(())
    }
}
