//! Users and groups, as numbers.

use std::ffi::CString;

use nix::errno::Errno;
use nix::unistd::{self, Gid, Group, Uid, User};

use crate::error::{During, Error, Result};

/// Linux's LOGIN_NAME_MAX. Name services put a name onto their stack, and one of megabytes ends the process.
const LONGEST_NAME: usize = 256;

/// The credentials that a process is to have.
#[derive(Debug, Clone)]
pub struct Identity {
    /// None: the user stays.
    pub uid: Option<u32>,
    pub gid: u32,
    /// None: the supplementary groups stay.
    pub groups: Option<Vec<u32>>,
}

impl Identity {
    /// Whether this process has them already, real, effective and saved, so that there is nothing to ask for.
    pub fn is_current(&self) -> Result<bool> {
        let uid = unistd::getresuid().during("getresuid")?;
        let gid = unistd::getresgid().during("getresgid")?;
        let uids =
            self.uid.is_none_or(|want| [uid.real, uid.effective, uid.saved] == [Uid::from_raw(want); 3]);
        let gids = [gid.real, gid.effective, gid.saved] == [Gid::from_raw(self.gid); 3];
        let groups = match &self.groups {
            None => true,
            Some(want) => others(want.clone(), self.gid) == others(current_groups()?, self.gid),
        };
        Ok(uids && gids && groups)
    }
}

impl Identity {
    /// Takes them on here, in all threads of this process. A refusal has changed nothing.
    pub fn take_on(&self) -> Result<()> {
        if self.is_current()? {
            return Ok(());
        }
        let uid = unistd::getresuid().during("getresuid")?;
        // Who is not root, but may become somebody else, has a capability that outlives the change: the way back to
        // root would stay open.
        if self.uid.is_some_and(|want| want != 0) && !uid.real.is_root() && !uid.effective.is_root() {
            return Err(refused());
        }
        let gid = unistd::getresgid().during("getresgid")?;
        let groups = unistd::getgroups().during("getgroups")?;
        self.change().inspect_err(|_| {
            // What was allowed a moment ago is allowed back; the error to tell of is the first one.
            let _ = unistd::setresgid(gid.real, gid.effective, gid.saved);
            let _ = unistd::setgroups(&groups);
        })
    }

    /// Groups, then gid, then uid: the other way round the right to do the rest would be gone.
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

/// A user of the password database.
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    name: CString,
}

impl Account {
    /// `name` as it stands, or None.
    pub fn by_name(name: &str) -> Result<Option<Self>> {
        if name.len() > LONGEST_NAME {
            return Ok(None);
        }
        User::from_name(name).during("getpwnam").map(|user| user.map(Self::from))
    }

    pub fn by_uid(uid: u32) -> Result<Option<Self>> {
        User::from_uid(Uid::from_raw(uid)).during("getpwuid").map(|user| user.map(Self::from))
    }

    /// All the groups that initgroups(3) would set, with `gid` among them.
    pub fn groups(&self, gid: u32) -> Result<Vec<u32>> {
        let groups = unistd::getgrouplist(&self.name, Gid::from_raw(gid)).during("getgrouplist")?;
        Ok(groups.into_iter().map(Gid::as_raw).collect())
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        // A name that came out of the database as a C string has no NUL in it.
        let name = CString::new(user.name).unwrap_or_default();
        Self { uid: user.uid.as_raw(), gid: user.gid.as_raw(), name }
    }
}

/// The id of a group of the group database, or None.
pub fn group_id(name: &str) -> Result<Option<u32>> {
    if name.len() > LONGEST_NAME {
        return Ok(None);
    }
    Ok(Group::from_name(name).during("getgrnam")?.map(|group| group.gid.as_raw()))
}

fn current_groups() -> Result<Vec<u32>> {
    Ok(unistd::getgroups().during("getgroups")?.into_iter().map(Gid::as_raw).collect())
}

/// Without the group itself, which some systems list and some don't.
fn others(mut groups: Vec<u32>, gid: u32) -> Vec<u32> {
    groups.retain(|group| *group != gid);
    groups.sort_unstable();
    groups.dedup();
    groups
}
