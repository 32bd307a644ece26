//! Processes in the epoll set, by their pidfds.

use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::{Token, for_each_event};
use crate::clone::Child;
use crate::error::{During, Result};
use crate::proc::exit_status;
use crate::process::own_children::{self, Claim};
use crate::sys::pidfd;
use crate::sys::process::{self, State, Status, Usage, Waited, Which};

/// The end of a process. `status` is None if the kernel doesn't reveal it.
#[derive(Debug, Clone, Copy)]
pub struct Ending {
    pub pid: i32,
    pub status: Option<Status>,
    pub usage: Option<Usage>,
}

struct Entry {
    pid: i32,
    pidfd: OwnedFd,
    /// True to reap the process, false only to observe its end.
    reaps: bool,
    /// None if procnative did not start the process.
    claim: Option<Claim>,
    is_watched: bool,
}

/// The processes of one epoll set.
pub struct Processes {
    set: Arc<Epoll>,
    entries: HashMap<Token, Entry>,
    by_pid: BTreeSet<(i32, Token)>,
}

impl Processes {
    pub fn new(set: Arc<Epoll>) -> Self {
        Self { set, entries: HashMap::new(), by_pid: BTreeSet::new() }
    }

    /// Takes over a child that procnative has started.
    pub fn adopt(&mut self, token: Token, child: Child) {
        let Child { pid, pidfd } = child;
        let claim = Some(own_children::add(pid));
        self.insert(token, Entry { pid, pidfd, reaps: true, claim, is_watched: false });
    }

    /// Opens any process by its pid.
    pub fn open(&mut self, token: Token, pid: i32, reaps: bool) -> Result<()> {
        let pidfd = pidfd::open(pid).during("pidfd_open")?;
        self.insert(token, Entry { pid, pidfd, reaps, claim: None, is_watched: false });
        Ok(())
    }

    fn insert(&mut self, token: Token, entry: Entry) {
        self.by_pid.insert((entry.pid, token));
        self.entries.insert(token, entry);
    }

    /// Sends a signal. Returns false if the process is gone.
    pub fn signal(&self, token: Token, signal: i32) -> Result<bool> {
        let Some(entry) = self.entries.get(&token) else { return Ok(false) };
        match pidfd::send_signal(entry.pidfd.as_fd(), signal) {
            Err(Errno::ESRCH) => Ok(false),
            result => result.during("pidfd_send_signal").map(|()| true),
        }
    }

    /// Returns true if the process still owns its pid, so that no other process can have that pid.
    pub fn has_its_number(&self, token: Token) -> bool {
        self.entries.get(&token).is_some_and(Entry::has_its_number)
    }

    /// Watches a process: the first turn after its end reports it.
    pub fn watch(&mut self, token: Token) -> Result<()> {
        if let Some(entry) = self.entries.get_mut(&token).filter(|entry| !entry.is_watched) {
            // Edge-triggered: the pidfd of a traced process is readable before its parent can reap it, and again when
            // it can.
            let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, token);
            self.set.add(&entry.pidfd, event).during("epoll_ctl")?;
            entry.is_watched = true;
        }
        Ok(())
    }

    /// Stops watching a process.
    pub fn unwatch(&mut self, token: Token) -> Result<()> {
        if let Some(entry) = self.entries.get_mut(&token).filter(|entry| entry.is_watched) {
            entry.is_watched = false;
            self.set.delete(&entry.pidfd).during("epoll_ctl")?;
        }
        Ok(())
    }

    /// Releases a process. A child that procnative has started is watched from now on, and reaped when it ends.
    pub fn release(&mut self, token: Token) -> Result<()> {
        if self.entries.get(&token).is_none_or(|entry| entry.claim.is_none()) {
            self.remove(token);
            return Ok(());
        }
        self.watch(token)
    }

    /// Keeps only the children that procnative has started, and watches them. For an environment that has ended.
    pub fn into_children(mut self) -> Result<Self> {
        let others = self.entries.iter().filter(|(_, entry)| entry.claim.is_none());
        for token in others.map(|(&token, _)| token).collect::<Vec<_>>() {
            self.remove(token);
        }
        for token in self.entries.keys().copied().collect::<Vec<_>>() {
            self.watch(token)?;
        }
        Ok(self)
    }

    /// Watches the processes of `others` in this set.
    pub fn take_over(&mut self, mut others: Self) -> Result<()> {
        let mut last = self.entries.keys().copied().max().unwrap_or(0);
        for token in others.entries.keys().copied().collect::<Vec<_>>() {
            others.unwatch(token)?;
            if let Some(entry) = others.remove(token) {
                last += 1;
                self.insert(last, entry);
                // Disown a process that can't be watched. Otherwise procnative never reaps it, and its claim keeps
                // other code from reaping it.
                self.watch(last).inspect_err(|_| self.remove(last).iter().for_each(Entry::disown))?;
            }
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn set(&self) -> &Arc<Epoll> {
        &self.set
    }

    fn remove(&mut self, token: Token) -> Option<Entry> {
        let entry = self.entries.remove(&token)?;
        self.by_pid.remove(&(entry.pid, token));
        if entry.is_watched {
            // The pidfd is in the set, so this call succeeds.
            let _ = self.set.delete(&entry.pidfd);
        }
        Some(entry)
    }

    /// Takes one turn of a set that holds only processes.
    pub fn turn(&mut self) -> Result<()> {
        let endings = &mut Vec::new();
        for_each_event(&Arc::clone(&self.set), |event| self.handle_event(event.data(), endings))
    }

    /// Adds the ends that an event reports to `endings`, and removes their registrations.
    pub fn handle_event(&mut self, token: Token, endings: &mut Vec<(Token, Ending)>) {
        // The process may have been removed while its event was on its way.
        let Some(entry) = self.entries.get(&token) else { return };
        let others = if entry.reaps { self.others_of(token, entry) } else { Vec::new() };
        let Some(ending) = entry.ending() else { return };
        // Report the end to the other registrations too. The process is reaped now, so the kernel can't report its
        // status to them.
        for token in others.into_iter().chain([token]) {
            self.remove(token);
            endings.push((token, ending));
        }
    }

    /// Returns the other registrations of the same process: the ones with its pid, while the process owns that pid.
    fn others_of(&self, token: Token, entry: &Entry) -> Vec<Token> {
        let same_number = self.by_pid.range((entry.pid, 0)..=(entry.pid, Token::MAX));
        let mut others: Vec<_> =
            same_number.map(|&(_, other)| other).filter(|&other| other != token).collect();
        if !others.is_empty() {
            others.retain(|other| entry.has_its_number() && self.entries[other].has_its_number());
        }
        others
    }
}

impl Entry {
    /// Returns the end of the process. None while a tracer keeps the end from the parent, see ptrace(2).
    fn ending(&self) -> Option<Ending> {
        let which = Which::Pidfd(self.pidfd.as_fd());
        let flags = libc::WEXITED | libc::__WALL;
        let waited = if self.reaps {
            own_children::take(which, flags)
        } else {
            process::waitid(which, flags | libc::WNOHANG | libc::WNOWAIT)
        };
        match waited {
            Ok(Some(Waited { state: State::Ended(status), usage, .. })) => {
                Some(Ending { pid: self.pid, status: Some(status), usage: Some(usage) })
            }
            Ok(_) => None,
            // ECHILD, the only possible error: not our child, or no longer.
            Err(_) => {
                self.disown();
                let status = exit_status::of_stranger(self.pid, self.pidfd.as_fd());
                Some(Ending { pid: self.pid, status, usage: None })
            }
        }
    }

    /// Lets any code of this program reap the process.
    fn disown(&self) {
        if let Some(claim) = self.claim {
            own_children::forget(self.pid, claim);
        }
    }

    /// Returns true if the process still owns its pid, because it has not been reaped.
    fn has_its_number(&self) -> bool {
        pidfd::send_signal(self.pidfd.as_fd(), 0) != Err(Errno::ESRCH)
    }
}

impl Drop for Processes {
    /// Disowns the remaining children, which are orphans now.
    fn drop(&mut self) {
        self.entries.values().for_each(Entry::disown);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::process::{Command, Stdio};

    use nix::sys::epoll::EpollCreateFlags;

    use super::*;

    #[test]
    fn a_child_that_cannot_be_taken_over_can_be_reaped_by_any_code() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = child.id() as i32;
        let mut children = Processes::new(Arc::new(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap()));
        children.adopt(1, Child { pid, pidfd: pidfd::open(pid).unwrap() });
        let no_set = Epoll(File::open("/dev/null").unwrap().into());
        let mut others = Processes::new(Arc::new(no_set));
        assert_eq!(others.take_over(children).unwrap_err().errno, Errno::EINVAL);
        assert!(others.is_empty());
        assert!(!own_children::is_ours(pid));
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
}
