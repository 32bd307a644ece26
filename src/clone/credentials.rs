//! Credentials of a process, and lookups of users and groups.

use std::ffi::CString;

use nix::errno::Errno;
use nix::unistd::{self, Gid, Group, Uid, User};

use crate::error::{During, Error, Result};

/// LOGIN_NAME_MAX of Linux. Name services copy a name to their stack, so a name of megabytes would crash the process.
const LONGEST_NAME: usize = 256;

/// Credentials for a process.
#[derive(Debug, Clone)]
pub struct Identity {
    /// None: the user stays.
    pub uid: Option<u32>,
    pub gid: u32,
    /// None: the supplementary groups stay.
    pub groups: Option<Vec<u32>>,
}

impl Identity {
    /// Returns true if this process already has these credentials: real, effective and saved.
    pub fn is_current(&self) -> Result<bool> {
        let uid = unistd::getresuid().during("getresuid")?;
        let gid = unistd::getresgid().during("getresgid")?;
        let uids =
            self.uid.is_none_or(|want| [uid.real, uid.effective, uid.saved] == [Uid::from_raw(want); 3]);
        let gids = [gid.real, gid.effective, gid.saved] == [Gid::from_raw(self.gid); 3];
        let groups = match &self.groups {
            None => true,
            Some(want) => without(want.clone(), self.gid) == without(current_groups()?, self.gid),
        };
        Ok(uids && gids && groups)
    }

    /// Sets these credentials in all threads of this process. After a refusal, the credentials are as before.
    pub fn take_on(&self) -> Result<()> {
        if self.is_current()? {
            return Ok(());
        }
        let uid = unistd::getresuid().during("getresuid")?;
        // Without root's uid, CAP_SETUID allows this change. The process would keep that capability, and could become
        // root: capabilities(7).
        if self.uid.is_some_and(|want| want != 0) && !uid.real.is_root() && !uid.effective.is_root() {
            return Err(refused());
        }
        let gid = unistd::getresgid().during("getresgid")?;
        let groups = unistd::getgroups().during("getgroups")?;
        self.change().inspect_err(|_| {
            // The process still has the right to undo its changes. The caller gets the first error.
            let _ = unistd::setresgid(gid.real, gid.effective, gid.saved);
            let _ = unistd::setgroups(&groups);
        })
    }

    /// Sets the groups, then the gid, then the uid: a change of the uid first would take away the right to change the
    /// others.
    fn change(&self) -> Result<()> {
        if let Some(groups) = &self.groups {
            let groups: Vec<_> = groups.iter().copied().map(Gid::from_raw).collect();
            unistd::setgroups(&groups).during("setgroups")?;
        }
        let gid = Gid::from_raw(self.gid);
        unistd::setresgid(gid, gid, gid).during("setgid")?;
        let Some(uid) = self.uid.map(Uid::from_raw) else { return Ok(()) };
        unistd::setresuid(uid, uid, uid).during("setuid")?;
        if !uid.is_root() && unistd::seteuid(Uid::from_raw(0)).is_ok() { Err(refused()) } else { Ok(()) }
    }
}

fn refused() -> Error {
    Error { syscall: "setuid", errno: Errno::EPERM, path: None }
}

/// A user in the password database.
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    name: CString,
}

impl Account {
    /// Looks up a user by name. Returns None if there is no such user. Does not read `name` as a number.
    pub fn by_name(name: &str) -> Result<Option<Self>> {
        if name.len() > LONGEST_NAME {
            return Ok(None);
        }
        User::from_name(name).during("getpwnam").map(|user| user.map(Self::from))
    }

    /// Looks up a user by uid. Returns None if there is no such user.
    pub fn by_uid(uid: u32) -> Result<Option<Self>> {
        User::from_uid(Uid::from_raw(uid)).during("getpwuid").map(|user| user.map(Self::from))
    }

    /// Returns all groups that initgroups(3) would set, including `gid`.
    pub fn groups(&self, gid: u32) -> Result<Vec<u32>> {
        let groups = unistd::getgrouplist(&self.name, Gid::from_raw(gid)).during("getgrouplist")?;
        Ok(groups.into_iter().map(Gid::as_raw).collect())
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        // The C library returned the name as a C string, so it holds no NUL.
        let name = CString::new(user.name).unwrap_or_default();
        Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name }
    }
}

/// Looks up the id of a group by name. Returns None if there is no such group.
pub fn group_id(name: &str) -> Result<Option<u32>> {
    if name.len() > LONGEST_NAME {
        return Ok(None);
    }
    Ok(Group::from_name(name).during("getgrnam")?.map(|group| group.gid.as_raw()))
}

fn current_groups() -> Result<Vec<u32>> {
    Ok(unistd::getgroups().during("getgroups")?.into_iter().map(Gid::as_raw).collect())
}

/// Returns the groups without `gid`, sorted: some systems list `gid` among the supplementary groups, some don't.
fn without(mut groups: Vec<u32>, gid: u32) -> Vec<u32> {
    groups.retain(|group| *group != gid);
    groups.sort_unstable();
    groups.dedup();
    groups
}
