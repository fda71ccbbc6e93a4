//! What goes wrong, and at which system calls it can.

use nix::errno::Errno;
use nix::libc;

use crate::tracer::Call;

/// How one system call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// It fails, and does nothing.
    Error(Errno),
    /// It does what it shall, and says that it failed: what a disk tells late.
    Late(Errno),
    /// It takes one byte, or gives one; where all later ones do so too, half of what is asked for.
    Short,
    /// The process ends there, as with `kill -9`.
    Kill,
}

/// Which calls go wrong: the n-th, or all from there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Times {
    /// The n-th alone.
    Once,
    /// It and all that come later.
    Always,
}

/// Every fault that is injected, at each of the calls that it concerns.
pub const ALL: [(Fault, Times); 17] = [
    (Fault::Error(Errno::ENOSPC), Times::Once),
    (Fault::Error(Errno::ENOSPC), Times::Always),
    (Fault::Error(Errno::EDQUOT), Times::Once),
    (Fault::Error(Errno::EIO), Times::Once),
    (Fault::Error(Errno::EIO), Times::Always),
    (Fault::Error(Errno::EMFILE), Times::Once),
    (Fault::Error(Errno::EMFILE), Times::Always),
    (Fault::Error(Errno::EACCES), Times::Once),
    (Fault::Error(Errno::EINTR), Times::Once),
    (Fault::Error(Errno::EAGAIN), Times::Once),
    (Fault::Error(Errno::EAGAIN), Times::Always),
    (Fault::Error(Errno::EROFS), Times::Always),
    (Fault::Late(Errno::EIO), Times::Once),
    (Fault::Late(Errno::EINTR), Times::Once),
    (Fault::Short, Times::Once),
    (Fault::Short, Times::Always),
    (Fault::Kill, Times::Once),
];

impl Fault {
    /// Whether a call can go wrong so.
    pub fn concerns(self, call: &Call) -> bool {
        let kind = Kind::of(call);
        match self {
            // What is said there is for people; that it cannot be said is no failure, and cannot be said either.
            _ if kind == Some(Kind::Write) && call.arguments[0] == 2 => self == Self::Kill,
            Self::Kill => kind.is_some(),
            Self::Short => matches!(kind, Some(Kind::Read | Kind::Write)) && call.arguments[2] > 1,
            // close(2) has closed, whatever it says; fsync(2) has flushed what could be.
            Self::Late(Errno::EINTR) => kind == Some(Kind::Close),
            Self::Late(_) => matches!(kind, Some(Kind::Close | Kind::Flush)),
            Self::Error(errno) => kind.is_some_and(|kind| kind.fails_with(errno)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Open,
    Create,
    Duplicate,
    Read,
    Write,
    Close,
    Flush,
    List,
    Look,
    /// Makes, renames or removes a name.
    Name,
    /// Sets a length, an owner, a mode or an attribute.
    Set,
    Lock,
    Poll,
    Thread,
}

impl Kind {
    fn of(call: &Call) -> Option<Self> {
        let argument = |place: usize| i64::from_ne_bytes(call.arguments[place].to_ne_bytes());
        let flags = |place: usize| match argument(place) & i64::from(libc::O_CREAT | libc::O_TMPFILE) {
            0 => Self::Open,
            flags if flags == i64::from(libc::O_DIRECTORY) => Self::Open,
            _ => Self::Create,
        };
        Some(match i64::from_ne_bytes(call.number.to_ne_bytes()) {
            libc::SYS_open => flags(1),
            libc::SYS_openat => flags(2),
            libc::SYS_fcntl if argument(1) == i64::from(libc::F_DUPFD_CLOEXEC) => Self::Duplicate,
            libc::SYS_dup | libc::SYS_dup3 => Self::Duplicate,
            libc::SYS_read | libc::SYS_pread64 => Self::Read,
            libc::SYS_write | libc::SYS_pwrite64 => Self::Write,
            libc::SYS_close => Self::Close,
            libc::SYS_fsync | libc::SYS_fdatasync | libc::SYS_syncfs => Self::Flush,
            libc::SYS_getdents64 => Self::List,
            libc::SYS_stat
            | libc::SYS_fstat
            | libc::SYS_lstat
            | libc::SYS_newfstatat
            | libc::SYS_statx
            | libc::SYS_fstatfs
            | libc::SYS_readlink
            | libc::SYS_getcwd
            | libc::SYS_lseek
            | libc::SYS_fgetxattr => Self::Look,
            libc::SYS_mkdirat
            | libc::SYS_unlinkat
            | libc::SYS_unlink
            | libc::SYS_linkat
            | libc::SYS_renameat
            | libc::SYS_renameat2 => Self::Name,
            libc::SYS_ftruncate
            | libc::SYS_fchmod
            | libc::SYS_fchown
            | libc::SYS_fsetxattr
            | libc::SYS_fremovexattr => Self::Set,
            libc::SYS_flock => Self::Lock,
            libc::SYS_poll | libc::SYS_ppoll => Self::Poll,
            libc::SYS_clone3 => Self::Thread,
            _ => return None,
        })
    }

    fn fails_with(self, errno: Errno) -> bool {
        match errno {
            Errno::EIO => self != Self::Thread,
            Errno::ENOSPC | Errno::EDQUOT => {
                matches!(
                    self,
                    Self::Create | Self::Write | Self::Name | Self::Set | Self::Flush | Self::Close
                )
            }
            Errno::EMFILE => matches!(self, Self::Open | Self::Create | Self::Duplicate),
            Errno::EACCES => {
                matches!(self, Self::Open | Self::Create | Self::Name | Self::Set | Self::Look)
            }
            Errno::EROFS => matches!(self, Self::Create | Self::Name | Self::Set | Self::Write),
            Errno::EINTR => matches!(
                self,
                Self::Open
                    | Self::Create
                    | Self::Read
                    | Self::List
                    | Self::Write
                    | Self::Flush
                    | Self::Lock
                    | Self::Poll
                    | Self::Set
            ),
            Errno::EAGAIN => self == Self::Thread,
            _ => false,
        }
    }
}

/// Whether a call is one that faults concern, or one that can be left out: it changes nothing outside of the process, and
/// does not fail, or asks for what the run does without.
pub fn known(call: &Call) -> bool {
    let number = i64::from_ne_bytes(call.number.to_ne_bytes());
    let asks = match number {
        libc::SYS_ioctl => [libc::TCGETS, libc::TIOCGWINSZ].contains(&call.arguments[1]),
        libc::SYS_fcntl => {
            [libc::F_GETFD, libc::F_GETFL].map(i64::from).map(i64::cast_unsigned).contains(&call.arguments[1])
        }
        number => LEFT_OUT.contains(&number),
    };
    asks || Kind::of(call).is_some()
}

/// Memory, signals, threads, times, numbers of the process, hints.
const LEFT_OUT: &[i64] = &[
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_futex,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_umask,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_prlimit64,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_sync_file_range,
    libc::SYS_fadvise64,
];
