//! A packet socket that sends frames as they are. All unsafe is here: calls into the kernel with
//! pointers to plain structures of ours and their true sizes.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Sends on one interface. Needs CAP_NET_RAW.
#[derive(Debug)]
pub struct Wire {
    fd: OwnedFd,
}

impl Wire {
    /// Opens a socket on the interface of this name; it receives nothing.
    ///
    /// # Errors
    ///
    /// Without privilege, or when there is no such interface.
    pub fn open(interface: &str) -> io::Result<Self> {
        let name = CString::new(interface)?;
        // SAFETY: a NUL-terminated name.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        if index == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: no pointers are passed. Protocol 0 receives nothing.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was made just now and belongs to nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: all-zero bytes are a valid `sockaddr_ll`.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_ifindex = index as i32;
        let length = size_of_val(&address) as u32;
        // SAFETY: a `sockaddr_ll` and its size.
        let bound = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
        if bound < 0 { Err(io::Error::last_os_error()) } else { Ok(Self { fd }) }
    }

    /// Sends frames of `len` bytes that lie one behind the other, [`MOST_AT_ONCE`] at most, with one
    /// system call. Returns how many were sent; waits while the interface takes none.
    ///
    /// # Errors
    ///
    /// What the kernel says when it took none; `ENOBUFS` passes by itself.
    ///
    /// # Panics
    ///
    /// When `len` is zero.
    pub fn send(&self, frames: &[u8], len: usize) -> io::Result<usize> {
        // SAFETY: all-zero bytes are valid for both: null pointers and no lengths.
        let (mut parts, mut messages): (
            [libc::iovec; MOST_AT_ONCE],
            [libc::mmsghdr; MOST_AT_ONCE],
        ) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        let mut count = 0;
        for ((frame, part), message) in frames.chunks_exact(len).zip(&mut parts).zip(&mut messages)
        {
            part.iov_base = frame.as_ptr().cast_mut().cast();
            part.iov_len = frame.len();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            count += 1;
        }
        // SAFETY: `count` messages were filled in, each with one part that lies in `frames`; the
        // kernel only reads them, and writes their lengths sent into `messages`.
        let sent = unsafe { libc::sendmmsg(self.fd.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}

/// Frames that go with one system call.
pub const MOST_AT_ONCE: usize = 64;
