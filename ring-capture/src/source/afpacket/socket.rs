//! The system calls of a packet socket. All unsafe here is a call into the kernel with pointers to
//! plain structures of ours and their true sizes.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::walk::TAG_BYTES;
use super::{KernelStats, OpenError};
use crate::filter::Program;
use crate::packet::LinkType;

#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
}

pub(super) struct Interface {
    pub(super) index: i32,
    pub(super) link: LinkType,
}

impl Socket {
    /// A socket that receives nothing until it is bound.
    pub(super) fn new() -> Result<Self, OpenError> {
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        if fd < 0 {
            let source = io::Error::last_os_error();
            return Err(match source.kind() {
                io::ErrorKind::PermissionDenied => OpenError::NotPermitted(source),
                _ => OpenError::Call { call: "socket(AF_PACKET)", source },
            });
        }
        // SAFETY: the descriptor was made just now and belongs to nobody else.
        let socket = Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } };
        let version = libc::tpacket_versions::TPACKET_V3 as libc::c_int;
        socket.set(libc::PACKET_VERSION, &version, "PACKET_VERSION")?;
        // Room in front of each frame to put a VLAN tag back that the kernel took out.
        socket.set(libc::PACKET_RESERVE, &(TAG_BYTES as u32), "PACKET_RESERVE")?;
        Ok(socket)
    }

    pub(super) fn ignore_outgoing(&self) {
        let _ = self.set(libc::PACKET_IGNORE_OUTGOING, &1_i32, "PACKET_IGNORE_OUTGOING");
    }

    pub(super) fn request_ring(
        &self,
        block_bytes: u32,
        blocks: u32,
        retire_ms: u32,
    ) -> Result<(), OpenError> {
        let request = libc::tpacket_req3 {
            tp_block_size: block_bytes,
            tp_block_nr: blocks,
            // V3 packs frames of any size; the kernel only wants the numbers to agree.
            tp_frame_size: FRAME_BYTES,
            tp_frame_nr: block_bytes / FRAME_BYTES * blocks,
            tp_retire_blk_tov: retire_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        self.set(libc::PACKET_RX_RING, &request, "PACKET_RX_RING")
    }

    /// Hands a filter to the kernel, in place of the one before.
    pub(super) fn attach(&self, program: &Program) -> Result<(), OpenError> {
        let instructions = program.instructions().iter();
        let mut instructions: Vec<libc::sock_filter> = instructions
            .map(|i| libc::sock_filter { code: i.code, jt: i.jt, jf: i.jf, k: i.k })
            .collect();
        let program = libc::sock_fprog {
            // At most 4,096: the compiler sees to it.
            len: instructions.len() as u16,
            filter: instructions.as_mut_ptr(),
        };
        // SAFETY: a `sock_fprog` and its size; it points to `len` instructions that outlive the
        // call, which copies them.
        let done = unsafe {
            libc::setsockopt(
                self.raw(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const program).cast(),
                size_of_val(&program) as u32,
            )
        };
        if done < 0 {
            let source = io::Error::last_os_error();
            return Err(OpenError::Call { call: "SO_ATTACH_FILTER", source });
        }
        Ok(())
    }

    /// An interface's index and what its frames start with.
    pub(super) fn find(&self, name: &str) -> Result<Interface, OpenError> {
        let unknown = || OpenError::NoInterface(name.to_owned());
        let c_name = CString::new(name).map_err(|_| unknown())?;
        // SAFETY: `c_name` is a NUL-terminated string that outlives the call.
        let index = unsafe { libc::if_nametoindex(c_name.as_ptr()) };
        if index == 0 || c_name.as_bytes().len() >= libc::IFNAMSIZ {
            return Err(unknown());
        }
        // SAFETY: all-zero bytes are a valid `ifreq`.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(c_name.as_bytes()) {
            *to = *from as libc::c_char;
        }
        // SAFETY: SIOCGIFHWADDR reads the name from and writes the address to an `ifreq`.
        let done = unsafe { libc::ioctl(self.raw(), libc::SIOCGIFHWADDR, &raw mut request) };
        if done < 0 {
            let source = io::Error::last_os_error();
            return Err(OpenError::Call { call: "SIOCGIFHWADDR", source });
        }
        // SAFETY: SIOCGIFHWADDR filled this member of the union.
        let hardware = unsafe { request.ifr_ifru.ifru_hwaddr.sa_family };
        let link = match hardware {
            libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => LinkType::Ethernet,
            libc::ARPHRD_NONE | libc::ARPHRD_PPP => LinkType::Raw,
            hardware => {
                return Err(OpenError::UnknownLink { interface: name.to_owned(), hardware });
            }
        };
        Ok(Interface { index: index as i32, link })
    }

    pub(super) fn bind(&self, index: i32) -> Result<(), OpenError> {
        // SAFETY: all-zero bytes are a valid `sockaddr_ll`.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
        address.sll_ifindex = index;
        // SAFETY: a `sockaddr_ll` and its size.
        let done = unsafe {
            libc::bind(self.raw(), (&raw const address).cast(), size_of_val(&address) as u32)
        };
        if done < 0 {
            return Err(OpenError::Call { call: "bind", source: io::Error::last_os_error() });
        }
        Ok(())
    }

    /// Waits until the kernel has handed a block over; a time-out or a signal is no error.
    pub(super) fn wait(&self, timeout: Duration) -> io::Result<()> {
        let mut poll = libc::pollfd { fd: self.raw(), events: libc::POLLIN, revents: 0 };
        let timeout_ms = timeout.as_millis().min(i32::MAX as u128) as i32;
        // SAFETY: one `pollfd`, and the count says one.
        if unsafe { libc::poll(&raw mut poll, 1, timeout_ms) } < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::Interrupted => Ok(()),
                _ => Err(error),
            };
        }
        if poll.revents & libc::POLLERR != 0 {
            let code: libc::c_int = self.option(libc::SOL_SOCKET, libc::SO_ERROR)?;
            if code != 0 {
                return Err(io::Error::from_raw_os_error(code));
            }
        }
        Ok(())
    }

    /// What was counted since the last call: reading sets the kernel's counters to zero.
    pub(super) fn statistics(&self) -> io::Result<KernelStats> {
        let counted: libc::tpacket_stats_v3 =
            self.option(libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        Ok(KernelStats {
            packets: u64::from(counted.tp_packets),
            dropped: u64::from(counted.tp_drops),
            freezes: u64::from(counted.tp_freeze_q_cnt),
        })
    }

    pub(super) fn raw(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    fn set<T>(&self, option: i32, value: &T, call: &'static str) -> Result<(), OpenError> {
        // SAFETY: a pointer to a `T` and its size; each option is set with the type it takes.
        let done = unsafe {
            libc::setsockopt(
                self.raw(),
                libc::SOL_PACKET,
                option,
                (&raw const *value).cast(),
                size_of::<T>() as u32,
            )
        };
        if done < 0 {
            return Err(OpenError::Call { call, source: io::Error::last_os_error() });
        }
        Ok(())
    }

    /// Reads an option whose type is `T`: plain integers, for which all-zero bytes are valid.
    fn option<T: Copy>(&self, level: i32, option: i32) -> io::Result<T> {
        let mut length = size_of::<T>() as u32;
        // SAFETY: callers name structures of plain integers, valid when all zero.
        let mut value: T = unsafe { std::mem::zeroed() };
        // SAFETY: a pointer to a `T` and its size; the kernel writes no more than that.
        let done = unsafe {
            libc::getsockopt(self.raw(), level, option, (&raw mut value).cast(), &raw mut length)
        };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
    }
}

const FRAME_BYTES: u32 = 2048;
