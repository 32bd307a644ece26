//! Removes a file from its directory, but no other file that was put in its place.
//!
//! unlink(2) removes a name, whatever file it leads to. Another program can put its own file there between the check and the
//! call. So `remove` first renames the file to a unique name, and renames it back if it has caught another file.

use std::ffi::{CStr, CString, OsStr};
use std::hash::{BuildHasher, RandomState};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{self, FileStat, Mode};
use nix::unistd::{self, UnlinkatFlags};

use crate::descriptor::fd;
use crate::error::{During, Result};
use crate::sys;

/// Removes the file at `path` if `fd` refers to this file. Returns false for another file.
pub fn remove_own(path: &CString, fd: &OwnedFd) -> Result<bool> {
    let own = stat::fstat(fd).during("fstat")?;
    remove(path, |found| fd::is_same(&own, found))
}

/// Removes the file at `path`; returns false if it is another file. `is_it` recognizes the file, before and after the rename.
/// The caller must keep the file open, so that no other file can get its inode number.
pub fn remove(path: &CString, mut is_it: impl FnMut(&FileStat) -> bool) -> Result<bool> {
    let place = Place::of(path)?;
    if !place.look(&place.name)?.is_some_and(|found| is_it(&found)) {
        return Ok(false);
    }
    let aside =
        CString::new(format!(".procnative-{:016x}", RandomState::new().hash_one(()))).unwrap_or_default();
    match sys::fd::rename_to_new(&place.directory, &place.name, &aside) {
        Ok(()) => {}
        Err(Errno::ENOENT) => return Ok(false),
        // The file system can't rename this way, or has no room for a name: rely on the first check.
        Err(_) => return place.unlink(&place.name).map(|()| true),
    }
    match place.unlink_if(&aside, &mut is_it) {
        Ok(true) => Ok(true),
        // Another program's file, or an error: move it back.
        kept => match sys::fd::rename_to_new(&place.directory, &aside, &place.name) {
            // A third program has put its file there meanwhile. This function may remove neither file.
            Err(Errno::EEXIST) => kept,
            result => result.during_path("renameat2", path).and(kept),
        },
    }
}

/// A name in an open directory. Stays in the same directory if the path of the directory changes.
struct Place<'path> {
    path: &'path CString,
    directory: OwnedFd,
    name: CString,
}

impl<'path> Place<'path> {
    fn of(path: &'path CString) -> Result<Self> {
        let whole = Path::new(OsStr::from_bytes(path.to_bytes()));
        let directory = match whole.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let [directory, name] = [directory.as_os_str(), whole.file_name().unwrap_or_default()]
            .map(|part| CString::new(part.as_bytes()).unwrap_or_default());
        let directory = fd::open(&directory, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty())?;
        Ok(Self { path, directory, name })
    }

    /// Returns the status of the file at a name; None if there is no file.
    fn look(&self, name: &CStr) -> Result<Option<FileStat>> {
        match stat::fstatat(&self.directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => Ok(None),
            result => result.during_path("fstatat", self.path).map(Some),
        }
    }

    /// Removes a name that leads to the file; returns false if it leads elsewhere.
    fn unlink_if(&self, name: &CStr, is_it: impl FnOnce(&FileStat) -> bool) -> Result<bool> {
        let is_ours = self.look(name)?.is_some_and(|found| is_it(&found));
        if is_ours {
            self.unlink(name)?;
        }
        Ok(is_ours)
    }

    fn unlink(&self, name: &CStr) -> Result<()> {
        match unistd::unlinkat(&self.directory, name, UnlinkatFlags::NoRemoveDir) {
            Err(Errno::ENOENT) => Ok(()),
            result => result.during_path("unlinkat", self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsFd;
    use std::path::PathBuf;

    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("procnative-remove-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn put(&self, content: &str) -> OwnedFd {
            let new = self.0.join("new");
            fs::write(&new, content).unwrap();
            let file = File::open(&new).unwrap();
            fs::rename(new, self.0.join("file")).unwrap();
            file.into()
        }

        fn path(&self) -> CString {
            CString::new(self.0.join("file").as_os_str().as_bytes()).unwrap()
        }

        fn contents(&self) -> Vec<String> {
            let files = fs::read_dir(&self.0).unwrap();
            files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn is(file: &impl AsFd, found: &FileStat) -> bool {
        fd::is_same(&stat::fstat(file).unwrap(), found)
    }

    #[test]
    fn the_file_is_removed() {
        let directory = Directory::new("one");
        let ours = directory.put("ours");
        assert!(remove(&directory.path(), |found| is(&ours, found)).unwrap());
        assert!(directory.contents().is_empty());
    }

    #[test]
    fn another_file_stays() {
        let directory = Directory::new("other");
        let ours = directory.put("ours");
        directory.put("theirs");
        assert!(!remove(&directory.path(), |found| is(&ours, found)).unwrap());
        assert_eq!(directory.contents(), ["theirs"]);
    }

    #[test]
    fn a_file_that_comes_after_the_look_stays() {
        let directory = Directory::new("late");
        let ours = directory.put("ours");
        let mut looks = 0;
        let removed = remove(&directory.path(), |found| {
            let is_ours = is(&ours, found);
            looks += 1;
            if looks == 1 {
                directory.put("theirs");
            }
            is_ours
        });
        assert!(!removed.unwrap());
        assert_eq!((looks, directory.contents()), (2, vec!["theirs".into()]));
    }

    #[test]
    fn nothing_there_is_no_error() {
        let directory = Directory::new("nothing");
        assert!(!remove(&directory.path(), |_| true).unwrap());
    }
}
