//! Runs the binary under ptrace(2) and changes the n-th of its system calls.
//!
//! The seam is the kernel's own: nothing in the binary knows of it, and no call can be made past it, whichever crate
//! makes it. Calls count from the first `umask`, with which a run begins; what the loader does is not ours.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::fault::{Fault, Times};

/// Most time that a run may take.
const LONGEST: Duration = Duration::from_secs(60);

/// A system call as it is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// Its number, as in `libc::SYS_*`.
    pub number: u64,
    /// What is given to it.
    pub arguments: [u64; 6],
}

/// How a run under a fault ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The call that went wrong first, if there were as many.
    pub hit: Option<Call>,
    /// All calls, in their order.
    pub calls: Vec<Call>,
    /// Whether it had to be ended, since it took too long.
    pub hung: bool,
}

/// Which call goes wrong, and how.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How it goes wrong.
    pub fault: Fault,
    /// Whether all that come later do, too.
    pub times: Times,
    /// Number of the call among those that the fault concerns, from 0.
    pub at: u64,
}

/// Runs `command` (program and arguments) in `directory`, with its standard output and error in two files. Without a
/// plan it is watched, and nothing is changed.
#[allow(clippy::zombie_processes, reason = "the tracer waits for it by its id")]
pub fn run(directory: &Path, command: &[&str], plan: Option<Plan>, output: (File, File)) -> Ended {
    // It stops itself, so that it can be seized before it begins: what `fork` and `exec` are called with in between
    // is nothing that safe code can say.
    let script = "kill -STOP $$; exec \"$@\"";
    let child = Command::new("/bin/sh")
        .args([&["-c", script, "sh"], command].concat())
        .current_dir(directory)
        .env_clear()
        .env("SOURCE_DATE_EPOCH", "1714400000")
        .env("TMPDIR", directory.join("tmp"))
        .stdin(Stdio::null())
        .stdout(output.0)
        .stderr(output.1)
        .spawn()
        .expect("a shell can be run");
    let pid = Pid::from_raw(child.id().try_into().expect("a process id is positive"));
    let stopped = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).expect("a child can be waited for");
    assert!(matches!(stopped, WaitStatus::Stopped(..)), "{stopped:?}");
    let options = ptrace::Options::PTRACE_O_TRACESYSGOOD
        | ptrace::Options::PTRACE_O_TRACECLONE
        | ptrace::Options::PTRACE_O_EXITKILL;
    ptrace::seize(pid, options).expect("ptrace(2) is allowed: these tests need it");
    kill(pid, Signal::SIGCONT).expect("a child can be continued");
    let (over, waited) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let hung = waited.recv_timeout(LONGEST) == Err(mpsc::RecvTimeoutError::Timeout);
        if hung {
            let _ = kill(pid, Signal::SIGKILL);
        }
        hung
    });
    let mut traced =
        Traced { plan, seen: 0, begun: false, hit: None, calls: Vec::new(), late: HashSet::new() };
    let code = traced.follow(pid);
    drop(over);
    let hung = watch.join().expect("the watch does not fail");
    Ended { code, hit: traced.hit, calls: traced.calls, hung }
}

struct Traced {
    plan: Option<Plan>,
    seen: u64,
    begun: bool,
    hit: Option<Call>,
    calls: Vec<Call>,
    /// Threads whose present call is to return an error.
    late: HashSet<(Pid, i32)>,
}

impl Traced {
    /// Passes from stop to stop; returns the exit code.
    fn follow(&mut self, process: Pid) -> Option<i32> {
        loop {
            // Of this thread's children alone: other tests have theirs.
            let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
            let status = match waitpid(None, Some(flags)) {
                Err(Errno::EINTR) => continue,
                status => status.expect("a child can be waited for"),
            };
            match status {
                WaitStatus::Exited(pid, code) if pid == process => return Some(code),
                WaitStatus::Signaled(pid, ..) if pid == process => return None,
                WaitStatus::PtraceSyscall(pid) => {
                    // One that was killed meanwhile has no registers.
                    let _ = self.stop(pid, process);
                    let _ = ptrace::syscall(pid, None);
                }
                WaitStatus::Stopped(pid, signal) => {
                    let _ = ptrace::syscall(pid, signal);
                }
                WaitStatus::PtraceEvent(pid, ..) => {
                    let _ = ptrace::syscall(pid, None);
                }
                _ => {}
            }
        }
    }

    /// Looks at a thread that stops where a call begins or ends.
    fn stop(&mut self, pid: Pid, process: Pid) -> nix::Result<()> {
        let info = ptrace::syscall_info(pid)?;
        if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            let due = self.late.iter().find(|(thread, _)| *thread == pid).copied();
            if let Some(due) = due {
                self.late.remove(&due);
                let mut registers = ptrace::getregs(pid)?;
                registers.rax = u64::from_ne_bytes((-i64::from(due.1)).to_ne_bytes());
                ptrace::setregs(pid, registers)?;
            }
            return Ok(());
        }
        let mut registers = ptrace::getregs(pid)?;
        let arguments =
            [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9];
        let call = Call { number: registers.orig_rax, arguments };
        self.begun |= i64::try_from(call.number) == Ok(libc::SYS_umask);
        if self.begun && self.plan.is_none() {
            self.calls.push(call);
        }
        let Some(plan) = self.plan.filter(|plan| self.begun && plan.fault.concerns(&call)) else {
            return Ok(());
        };
        let number = self.seen;
        self.seen += 1;
        if number < plan.at || (number > plan.at && plan.times == Times::Once) {
            return Ok(());
        }
        self.hit = self.hit.or(Some(call));
        match plan.fault {
            Fault::Kill => kill(process, Signal::SIGKILL)?,
            Fault::Short => {
                registers.rdx = if plan.times == Times::Once { 1 } else { registers.rdx / 2 };
                ptrace::setregs(pid, registers)?;
            }
            Fault::Late(errno) => {
                self.late.insert((pid, errno as i32));
            }
            Fault::Error(errno) => {
                // A number that no call has: the kernel does nothing.
                registers.orig_rax = u64::MAX;
                ptrace::setregs(pid, registers)?;
                self.late.insert((pid, errno as i32));
            }
        }
        Ok(())
    }
}
