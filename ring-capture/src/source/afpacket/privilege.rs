//! Giving up every privilege once the sockets are open, and making sure of it.
//!
//! All unsafe here is a system call that takes numbers, or pointers to plain structures of ours.

use std::ffi::CString;
use std::fs;
use std::io;

use super::OpenError;
use super::socket::Socket;

/// Whom to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// Its group's.
    pub gid: u32,
}

/// Why privileges could not be given up. The process may have lost some and kept others: end it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DropError {
    /// There is no user of this name.
    #[error("no user named {0:?}")]
    NoUser(String),
    /// A call failed; its name says which.
    #[error("{call} failed")]
    Call {
        /// The system call.
        call: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Another thread has kept privileges: call this before starting threads.
    #[error("thread {thread} of this process still has privileges: {left}")]
    Thread {
        /// Its number.
        thread: String,
        /// The line of its `status` that says so.
        left: String,
    },
    /// `/proc/self/task` cannot be read, so that nothing is proven.
    #[error("cannot see in /proc whether all privileges are gone")]
    Unproven(#[source] io::Error),
    /// A new packet socket could be opened after all.
    #[error("a new packet socket can still be opened")]
    StillPermitted,
}

impl DropError {
    /// One word for a metric's label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NoUser(_) => "no_user",
            Self::Call { .. } => "call",
            Self::Thread { .. } => "thread",
            Self::Unproven(_) => "unproven",
            Self::StillPermitted => "still_permitted",
        }
    }
}

impl User {
    /// The user of this name, with its primary group, as the system's user database has it.
    ///
    /// # Errors
    ///
    /// When there is none, or the database cannot be read.
    pub fn named(name: &str) -> Result<Self, DropError> {
        let unknown = || DropError::NoUser(name.to_owned());
        let c_name = CString::new(name).map_err(|_| unknown())?;
        let mut buffer = vec![0; USER_BYTES];
        // SAFETY: all-zero bytes are a valid `passwd`: numbers and null pointers.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found = std::ptr::null_mut();
        // SAFETY: a NUL-terminated name, an entry and a buffer of the size given, all of which
        // outlive the call.
        let code = unsafe {
            libc::getpwnam_r(
                c_name.as_ptr(),
                &raw mut entry,
                buffer.as_mut_ptr(),
                buffer.len(),
                &raw mut found,
            )
        };
        match (code, found.is_null()) {
            (0, false) => Ok(Self { uid: entry.pw_uid, gid: entry.pw_gid }),
            (0, true) => Err(unknown()),
            (code, _) => {
                let source = io::Error::from_raw_os_error(code);
                Err(DropError::Call { call: "getpwnam_r", source })
            }
        }
    }
}

/// Gives up every privilege for good: becomes `user` (when given, which takes root), with its group
/// and no other; has no capability in any set any more, nor in the bounding set where the kernel lets
/// us; and no program it starts can gain one (`no_new_privs`). Sockets that are open stay open and
/// receive.
///
/// Then it looks: at every thread of the process, and whether a new packet socket is refused.
///
/// **Call it before starting threads.** Users and groups change for all threads, capabilities and
/// `no_new_privs` only for the one that calls, and those it starts afterwards.
///
/// # Errors
///
/// When a step fails, or another thread kept what this one gave up. There is no way back, so that
/// the process should end rather than go on half privileged.
pub fn drop_all(user: Option<User>) -> Result<(), DropError> {
    // First what needs the privileges that the others take away.
    empty_bounding_set()?;
    if let Some(user) = user {
        become_user(user)?;
    }
    prctl("PR_SET_NO_NEW_PRIVS", libc::PR_SET_NO_NEW_PRIVS, 1)?;
    let clear_all = libc::PR_CAP_AMBIENT_CLEAR_ALL as libc::c_ulong;
    prctl("PR_CAP_AMBIENT_CLEAR_ALL", libc::PR_CAP_AMBIENT, clear_all)?;
    clear_capabilities()?;
    no_thread_has_any()?;
    match Socket::new() {
        Err(OpenError::NotPermitted(_)) => Ok(()),
        Err(OpenError::Call { call, source }) => Err(DropError::Call { call, source }),
        Ok(_) | Err(_) => Err(DropError::StillPermitted),
    }
}

fn empty_bounding_set() -> Result<(), DropError> {
    for capability in 0..MOST_CAPABILITIES {
        match prctl("PR_CAPBSET_DROP", libc::PR_CAPBSET_DROP, capability) {
            Ok(()) => {}
            Err(DropError::Call { source, .. }) if is(&source, libc::EINVAL) => break,
            // Without CAP_SETPCAP it stays, and `no_new_privs` keeps anybody from using it.
            Err(DropError::Call { source, .. }) if is(&source, libc::EPERM) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn become_user(User { uid, gid }: User) -> Result<(), DropError> {
    // The library's calls, not the kernel's: they change every thread. Groups first, for the user
    // may not change them.
    // SAFETY: a null pointer and no groups; no memory is read.
    called("setgroups", unsafe { libc::setgroups(0, std::ptr::null()) })?;
    // SAFETY: no pointers are passed.
    called("setresgid", unsafe { libc::setresgid(gid, gid, gid) })?;
    // SAFETY: no pointers are passed.
    called("setresuid", unsafe { libc::setresuid(uid, uid, uid) })
}

fn clear_capabilities() -> Result<(), DropError> {
    /// `__user_cap_header_struct` and `__user_cap_data_struct` of `linux/capability.h`.
    #[repr(C)]
    struct Header {
        version: u32,
        pid: libc::c_int,
    }
    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Sets {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let mut header = Header { version: CAPABILITY_VERSION_3, pid: 0 };
    let none = [Sets { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: a header of version 3, and the two structures of sets which that version reads.
    let done = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, none.as_ptr()) };
    called("capset", done as libc::c_int)
}

/// Every thread's `status` says that it has nothing and can get nothing.
fn no_thread_has_any() -> Result<(), DropError> {
    for thread in fs::read_dir("/proc/self/task").map_err(DropError::Unproven)? {
        let thread = thread.map_err(DropError::Unproven)?;
        let status = match fs::read_to_string(thread.path().join("status")) {
            // It has ended meanwhile.
            Err(error) if is(&error, libc::ENOENT) || is(&error, libc::ESRCH) => continue,
            status => status.map_err(DropError::Unproven)?,
        };
        if let Some(left) = privilege_left(&status) {
            let thread = thread.file_name().to_string_lossy().into_owned();
            return Err(DropError::Thread { thread, left: left.to_owned() });
        }
    }
    Ok(())
}

/// The line of a thread's `status` (proc_pid_status(5)) that shows a privilege.
fn privilege_left(status: &str) -> Option<&str> {
    status.lines().find(|line| match line.split_once(':') {
        Some(("CapInh" | "CapPrm" | "CapEff" | "CapAmb", set)) => {
            set.trim().bytes().any(|digit| digit != b'0')
        }
        Some(("NoNewPrivs", flag)) => flag.trim() != "1",
        _ => false,
    })
}

fn prctl(call: &'static str, option: libc::c_int, value: libc::c_ulong) -> Result<(), DropError> {
    let zero: libc::c_ulong = 0;
    // SAFETY: the options named in this file take numbers, and want zero for those not used.
    called(call, unsafe { libc::prctl(option, value, zero, zero, zero) })
}

fn called(call: &'static str, done: libc::c_int) -> Result<(), DropError> {
    if done < 0 {
        return Err(DropError::Call { call, source: io::Error::last_os_error() });
    }
    Ok(())
}

fn is(error: &io::Error, code: i32) -> bool {
    error.raw_os_error() == Some(code)
}

/// What `getpwnam_r` puts strings in; glibc asks for 1 KiB.
const USER_BYTES: usize = 16 << 10;
/// Linux has 41; the sets have room for 64.
const MOST_CAPABILITIES: libc::c_ulong = 64;
const CAPABILITY_VERSION_3: u32 = 0x2008_0522;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_shows_what_is_left() {
        let clean = "Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n\
                     CapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\n\
                     CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n";
        assert_eq!(privilege_left(clean), None);
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            let one = format!("{set}:\t0000000000002000");
            let status = clean.replace(&format!("{set}:\t0000000000000000"), &one);
            assert_eq!(privilege_left(&status), Some(one.as_str()));
        }
        let again = clean.replace("NoNewPrivs:\t1", "NoNewPrivs:\t0");
        assert_eq!(privilege_left(&again), Some("NoNewPrivs:\t0"));
    }

    #[test]
    fn users_are_found_by_name() {
        assert_eq!(User::named("root").expect("root"), User { uid: 0, gid: 0 });
        let unknown = User::named("no such user").expect_err("nobody is called that");
        assert_eq!(unknown.label(), "no_user");
        assert_eq!(User::named("nul\0").expect_err("no name").label(), "no_user");
    }
}
