//! Starts a thousand children from several threads at once, so that sanitizers and valgrind see the clone.

use std::os::fd::AsFd;
use std::thread;

use nix::errno::Errno;

use super::Reactor;
use crate::clone;
use crate::clone::plan::Plan;
use crate::clone::strings::Strings;
use crate::error::Result;
use crate::sys::poll;
use crate::sys::process::Status;

const THREADS: usize = 4;
const CHILDREN: usize = 250;

fn plan(program: &str, code: i32) -> Result<Plan> {
    let argv = Strings::of_block(format!("sh\0-c\0exit {code}\0").into_bytes());
    let mut plan = Plan::new(program, argv, Strings::default())?;
    plan.own_pid_variable("PID=")?;
    plan.place_owned(crate::descriptor::fd::dev_null()?, 0)?;
    Ok(plan)
}

/// Starts children in one reactor, and returns how they end. Some children run at the same time.
fn endings(children: usize) -> Result<Vec<Status>> {
    let mut reactor = Reactor::new()?;
    let mut endings = vec![None; children];
    let mut tokens = Vec::new();
    for code in 0..children {
        let token = reactor.adopt(clone::once(&mut plan("/bin/sh", code as i32 % 256)?)?);
        reactor.processes.watch(token)?;
        tokens.push(token);
        if code % 2 == 1 {
            collect(&mut reactor, &tokens, &mut endings)?;
        }
    }
    while endings.contains(&None) {
        collect(&mut reactor, &tokens, &mut endings)?;
    }
    Ok(endings.into_iter().flatten().collect())
}

fn collect(reactor: &mut Reactor, tokens: &[u64], endings: &mut [Option<Status>]) -> Result<()> {
    poll::wait(&[reactor.set().0.as_fd()], None).unwrap();
    for (token, ending) in reactor.turn()?.endings {
        endings[tokens.iter().position(|&one| one == token).unwrap()] = ending.status;
    }
    Ok(())
}

#[test]
fn a_thousand_children_of_four_threads_end_as_they_are_told_to() {
    let told: Vec<_> = (0..CHILDREN).map(|code| Status::Exited(code as i32 % 256)).collect();
    let threads: Vec<_> = (0..THREADS).map(|_| thread::spawn(|| endings(CHILDREN).unwrap())).collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), told);
    }
}

#[test]
fn a_child_that_cannot_begin_reports_the_error() {
    for _ in 0..CHILDREN {
        let error = clone::once(&mut plan("/bin/none", 0).unwrap()).unwrap_err();
        assert_eq!((error.syscall, error.errno), ("execve", Errno::ENOENT));
    }
}
