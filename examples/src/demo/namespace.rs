//! A user and network namespace of our own: without privilege, the way to a packet socket.

use std::fs;
use std::io;

/// Moves this process into a new user namespace, in which it may open packet sockets, and a new
/// network namespace, in which there is a loopback and nothing else. Files keep their owner.
///
/// The process must not have started a thread yet.
///
/// # Errors
///
/// Where the kernel or its administrator does not permit it.
pub(super) fn enter() -> io::Result<()> {
    // SAFETY: these take no pointers and cannot fail.
    let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
    // SAFETY: no pointers; the process has one thread, as `CLONE_NEWUSER` demands (it fails
    // otherwise).
    if unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // user_namespaces(7): groups must be given up before they are mapped.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    raise_loopback()
}

fn raise_loopback() -> io::Result<()> {
    // SAFETY: no pointers are passed.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all-zero bytes are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an `ifreq`.
    let done = unsafe { libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request) };
    let result = if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: the descriptor is ours and is not used again.
    unsafe { libc::close(socket) };
    result
}
