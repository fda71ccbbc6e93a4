//! Owner, group, mode and ACL of an existing empty target, which the tree that takes its place keeps
//! (`tree/outcome.md#outcome`).

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Gid, Mode, Uid, XattrFlags};
use rustix::io::{Errno, Result};

/// Attributes that the access to a directory depends on.
const ACLS: [&str; 3] = ["system.posix_acl_access", "system.posix_acl_default", "system.nfs4_acl"];
/// Longest ACL: what Linux takes as a value, bytes.
const ACL: usize = 64 << 10;

/// Gives `to` the access of `from`. Returns what could not be taken over, in words.
pub(super) fn copy(from: &OwnedFd, to: &OwnedFd) -> Result<Option<String>> {
    let wanted = rustix::fs::fstat(from)?;
    let mut failed = Vec::new();
    let mut note = |what: &str, done: Result<()>| {
        if let Err(errno) = done {
            failed.push(format!("{what} ({errno})"));
        }
    };
    let mine = rustix::fs::fstat(to)?;
    // Only root may give files away: whoever else fills a directory of another's keeps the tree.
    if wanted.st_uid != mine.st_uid && rustix::process::geteuid().is_root() {
        note("owner", rustix::fs::fchown(to, Some(Uid::from_raw(wanted.st_uid)), None));
    }
    if wanted.st_gid != mine.st_gid {
        note("group", rustix::fs::fchown(to, None, Some(Gid::from_raw(wanted.st_gid))));
    }
    for name in ACLS {
        note("ACL", copy_attribute(name, from, to));
    }
    // Last, since a change of the owner takes bits of it, and an ACL sets some.
    note("mode", rustix::fs::fchmod(to, Mode::from_raw_mode(wanted.st_mode & 0o7777)));
    let kept = rustix::fs::fstat(to)?.st_mode & 0o7777 == wanted.st_mode & 0o7777;
    note("mode", if kept || cfg!(not(target_os = "linux")) { Ok(()) } else { Err(Errno::PERM) });
    failed.dedup();
    Ok((!failed.is_empty()).then(|| failed.join(", ")))
}

/// Copies one attribute, or removes it where `from` has none.
fn copy_attribute(name: &str, from: &impl AsFd, to: &impl AsFd) -> Result<()> {
    let absent = |errno: &Errno| {
        // Not set, or unknown to the file system.
        matches!(*errno, Errno::NODATA | Errno::NOTSUP | Errno::INVAL | Errno::NOSYS)
    };
    let mut value = vec![0; ACL];
    match rustix::fs::fgetxattr(from, name, value.as_mut_slice()) {
        Ok(length) => {
            rustix::fs::fsetxattr(to, name, value.get(..length).unwrap_or_default(), XattrFlags::empty())
        }
        Err(errno) if absent(&errno) => match rustix::fs::fremovexattr(to, name) {
            Err(errno) if !absent(&errno) => Err(errno),
            _ => Ok(()),
        },
        Err(errno) => Err(errno),
    }
}
