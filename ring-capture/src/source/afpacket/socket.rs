//! The system calls of a packet socket. All unsafe here is a call into the kernel with pointers to
//! plain structures of ours and their true sizes.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::config::{Fanout, FanoutMode};
use super::walk::TAG_BYTES;
use super::{KernelStats, OpenError, PollError, interface};
use crate::filter::Program;

#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
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
            tp_frame_nr: (block_bytes / FRAME_BYTES).saturating_mul(blocks),
            tp_retire_blk_tov: retire_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        self.set(libc::PACKET_RX_RING, &request, "PACKET_RX_RING")
    }

    /// Hands a filter to the kernel, in place of the one before; `None` receives everything.
    pub(super) fn attach(&self, program: Option<&Program>) -> Result<(), OpenError> {
        let Some(program) = program else {
            let detached = self.set_at(libc::SOL_SOCKET, libc::SO_DETACH_FILTER, &0_i32);
            return match detached {
                Err(error) if error.raw_os_error() != Some(libc::ENOENT) => {
                    Err(OpenError::Call { call: "SO_DETACH_FILTER", source: error })
                }
                // There was none.
                _ => Ok(()),
            };
        };
        let instructions = program.instructions().iter();
        self.attach_all(
            instructions
                .map(|i| libc::sock_filter { code: i.code, jt: i.jt, jf: i.jf, k: i.k })
                .collect(),
        )
    }

    /// A filter that nothing passes.
    pub(super) fn attach_deaf(&self) -> Result<(), OpenError> {
        let code = (libc::BPF_RET | libc::BPF_K) as u16;
        self.attach_all(vec![libc::sock_filter { code, jt: 0, jf: 0, k: 0 }])
    }

    fn attach_all(&self, mut instructions: Vec<libc::sock_filter>) -> Result<(), OpenError> {
        let program = libc::sock_fprog {
            // At most 4,096: the compiler sees to it.
            len: instructions.len() as u16,
            // The kernel copies them; they outlive the call.
            filter: instructions.as_mut_ptr(),
        };
        self.set_at(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
            .map_err(|source| OpenError::Call { call: "SO_ATTACH_FILTER", source })
    }

    /// Joins a group, which it must be bound for; without a number, a new one. Returns the number.
    pub(super) fn join(&self, fanout: Fanout, incoming_only: bool) -> Result<u16, OpenError> {
        let mode = match fanout.mode {
            FanoutMode::Hash => libc::PACKET_FANOUT_HASH,
            FanoutMode::LoadBalance => libc::PACKET_FANOUT_LB,
            FanoutMode::Cpu => libc::PACKET_FANOUT_CPU,
        };
        let rollover = if fanout.rollover { libc::PACKET_FANOUT_FLAG_ROLLOVER } else { 0 };
        // The group has a hook of its own, which knows nothing of its members' options.
        let ignore = if incoming_only { libc::PACKET_FANOUT_FLAG_IGNORE_OUTGOING } else { 0 };
        let flags = mode | rollover | ignore;
        let set = |group: u16, flags: u32| {
            let both = u32::from(group) | flags << 16;
            self.set(libc::PACKET_FANOUT, &both, "PACKET_FANOUT").map(|()| group)
        };
        if let Some(group) = fanout.group {
            return set(group, flags);
        }
        if set(0, flags | libc::PACKET_FANOUT_FLAG_UNIQUEID).is_ok() {
            return self.group();
        }
        // Before Linux 4.11 the kernel has no unique numbers; processes do, nearly.
        let nth = GROUPS.fetch_add(1, Ordering::Relaxed);
        set((std::process::id() as u16).wrapping_add(nth << 8), flags)
    }

    fn group(&self) -> Result<u16, OpenError> {
        let both: u32 = self
            .option(libc::SOL_PACKET, libc::PACKET_FANOUT)
            .map_err(|source| OpenError::Call { call: "PACKET_FANOUT", source })?;
        Ok(both as u16)
    }

    /// Asks the interface for other hosts' packets, until the socket is closed or the interface gone.
    pub(super) fn promiscuous(&self, index: i32) -> Result<(), OpenError> {
        let request = libc::packet_mreq {
            mr_ifindex: index,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::PACKET_ADD_MEMBERSHIP, &request, "PACKET_ADD_MEMBERSHIP")
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
            let source = io::Error::last_os_error();
            return Err(match source.raw_os_error() {
                Some(libc::ENODEV | libc::ENXIO) => OpenError::NoInterface(String::new()),
                _ => OpenError::Call { call: "bind", source },
            });
        }
        Ok(())
    }

    /// The index of the interface it is bound to; -1 once that is gone.
    fn bound_to(&self) -> io::Result<i32> {
        // SAFETY: all-zero bytes are a valid `sockaddr_ll`.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        let mut length = size_of_val(&address) as u32;
        // SAFETY: a `sockaddr_ll` and its size; the kernel writes no more than that.
        let done =
            unsafe { libc::getsockname(self.raw(), (&raw mut address).cast(), &raw mut length) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(address.sll_ifindex) }
    }

    /// Whether its interface is there and up: three system calls.
    pub(super) fn check(&self) -> Result<(), PollError> {
        let index = self.bound_to().map_err(PollError::Io)?;
        if index < 0 {
            return Err(PollError::Gone);
        }
        match interface::is_up(self.fd.as_fd(), index).map_err(PollError::Io)? {
            Some(true) => Ok(()),
            Some(false) => Err(PollError::Down),
            None => Err(PollError::Gone),
        }
    }

    /// Waits until the kernel has handed a block over; a time-out or a signal is no error.
    pub(super) fn wait(&self, timeout: Duration) -> Result<(), PollError> {
        let mut poll = libc::pollfd { fd: self.raw(), events: libc::POLLIN, revents: 0 };
        let timeout_ms = timeout.as_millis().min(i32::MAX as u128) as i32;
        // SAFETY: one `pollfd`, and the count says one.
        if unsafe { libc::poll(&raw mut poll, 1, timeout_ms) } < 0 {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::Interrupted => Ok(()),
                _ => Err(PollError::Io(error)),
            };
        }
        if poll.revents & libc::POLLERR == 0 {
            return Ok(());
        }
        match self.option(libc::SOL_SOCKET, libc::SO_ERROR).map_err(PollError::Io)? {
            0 => Ok(()),
            // Said once, when it goes down; it may be gone or up again by now.
            libc::ENETDOWN => Err(self.check().err().unwrap_or(PollError::Down)),
            code => Err(PollError::Io(io::Error::from_raw_os_error(code))),
        }
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
        self.set_at(libc::SOL_PACKET, option, value)
            .map_err(|source| OpenError::Call { call, source })
    }

    fn set_at<T>(&self, level: i32, option: i32, value: &T) -> io::Result<()> {
        // SAFETY: a pointer to a `T` and its size; each option is set with the type it takes, and
        // what that points to in turn outlives the call.
        let done = unsafe {
            libc::setsockopt(
                self.raw(),
                level,
                option,
                (&raw const *value).cast(),
                size_of::<T>() as u32,
            )
        };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
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

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Groups that this process has numbered by itself.
static GROUPS: AtomicU16 = AtomicU16::new(0);
const FRAME_BYTES: u32 = 2048;
