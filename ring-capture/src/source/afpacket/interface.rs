//! Interfaces as a socket's own network namespace knows them. All unsafe here is an ioctl on an
//! `ifreq` of ours.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use crate::packet::LinkType;

use super::OpenError;

/// An interface, and what its frames start with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interface {
    pub(super) index: i32,
    pub(super) link: LinkType,
}

/// The interface of this name now.
pub(super) fn find(socket: BorrowedFd<'_>, name: &str) -> Result<Interface, OpenError> {
    let unknown = || OpenError::NoInterface(name.to_owned());
    // The name needs room for the NUL behind it.
    if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains('\0') {
        return Err(unknown());
    }
    // SAFETY: all-zero bytes are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    let failed = |call, source: io::Error| match source.raw_os_error() {
        Some(libc::ENODEV) => unknown(),
        _ => OpenError::Call { call, source },
    };
    ask(socket, libc::SIOCGIFINDEX, &mut request).map_err(|e| failed("SIOCGIFINDEX", e))?;
    // SAFETY: SIOCGIFINDEX filled this member of the union.
    let index = unsafe { request.ifr_ifru.ifru_ifindex };
    ask(socket, libc::SIOCGIFHWADDR, &mut request).map_err(|e| failed("SIOCGIFHWADDR", e))?;
    // SAFETY: SIOCGIFHWADDR filled this member of the union.
    let hardware = unsafe { request.ifr_ifru.ifru_hwaddr.sa_family };
    let link = match hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => LinkType::Ethernet,
        libc::ARPHRD_NONE | libc::ARPHRD_PPP => LinkType::Raw,
        hardware => return Err(OpenError::UnknownLink { interface: name.to_owned(), hardware }),
    };
    Ok(Interface { index, link })
}

/// Whether the interface of this index is up; `None` when there is none.
pub(super) fn is_up(socket: BorrowedFd<'_>, index: i32) -> io::Result<Option<bool>> {
    // SAFETY: all-zero bytes are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_ifru.ifru_ifindex = index;
    // By its index, for it may have been renamed.
    let asked = ask(socket, libc::SIOCGIFNAME, &mut request)
        .and_then(|()| ask(socket, libc::SIOCGIFFLAGS, &mut request));
    match asked {
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
        // SAFETY: SIOCGIFFLAGS filled this member of the union.
        Ok(()) => Ok(Some(i32::from(unsafe { request.ifr_ifru.ifru_flags }) & libc::IFF_UP != 0)),
    }
}

fn ask(socket: BorrowedFd<'_>, number: libc::Ioctl, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: the SIOCGIF* requests named in this file read and write one `ifreq`.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), number, &raw mut *request) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
