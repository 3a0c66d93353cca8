//! Two hosts and a router between them that takes its time: TUN devices in two network namespaces.

use std::{
    net::Ipv4Addr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use nix::sched::{CloneFlags, unshare};
use tun_rs::{DeviceBuilder, SyncDevice};

pub(crate) const NEAR: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
pub(crate) const FAR: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 2);

/// What a packet takes one way, at the least.
pub(crate) const ONE_WAY: Duration = Duration::from_millis(15);

/// What it takes more at the most. Packets never overtake each other.
pub(crate) const JITTER: Duration = Duration::from_millis(3);

/// One way over the router.
#[derive(Default)]
pub(crate) struct Way {
    /// Packets with payload until the one that is lost; nought for none.
    lose: AtomicU32,
}

impl Way {
    /// Loses the n-th packet with payload from now on, counted from one.
    pub(crate) fn lose(&self, nth: u32) {
        self.lose.store(nth, Ordering::SeqCst);
    }

    fn loses(&self, packet: &[u8]) -> bool {
        if payload(packet) == 0 {
            return false;
        }
        let countdown = |left: u32| left.checked_sub(1);
        self.lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, countdown) == Ok(1)
    }
}

/// Bytes of payload in a TCP segment in IPv4.
fn payload(packet: &[u8]) -> usize {
    if packet.len() < 40 || packet[0] >> 4 != 4 || packet[9] != 6 {
        return 0;
    }
    let header = usize::from(packet[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let tcp = packet.get(header + 12).map_or(0, |offset| usize::from(offset >> 4) * 4);
    total.saturating_sub(header + tcp)
}

/// Makes this thread's namespace the near host's, `far` runs in a thread and a namespace of its own, the
/// far host's. Both ways to lose packets on are returned: to the far host, to the near one.
pub(crate) fn lay(far: impl FnOnce() + Send + 'static) -> (Arc<Way>, Arc<Way>) {
    let near_device = device("near", NEAR, FAR);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        run("ip link set lo up");
        tell.send(device("far", FAR, NEAR)).unwrap();
        far();
    });
    let far_device = told.recv().unwrap();
    let (out, back) = (Arc::default(), Arc::default());
    carry(&near_device, &far_device, &out);
    carry(&far_device, &near_device, &back);
    (out, back)
}

fn device(name: &str, here: Ipv4Addr, there: Ipv4Addr) -> Arc<SyncDevice> {
    let device = DeviceBuilder::new().name(name).build_sync().unwrap();
    run(&format!("ip addr add {here} peer {there} dev {name}"));
    run(&format!("ip link set {name} up"));
    Arc::new(device)
}

fn run(line: &str) {
    let mut words = line.split(' ');
    let status = Command::new(words.next().unwrap()).args(words).status().unwrap();
    assert!(status.success(), "{line}");
}

/// A thread takes packets in, another gives them out when their time has come.
fn carry(from: &Arc<SyncDevice>, to: &Arc<SyncDevice>, way: &Arc<Way>) {
    let (tell, told) = mpsc::channel::<(Instant, Vec<u8>)>();
    let (from, to, way) = (Arc::clone(from), Arc::clone(to), Arc::clone(way));
    thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        while let Ok(count) = from.recv(&mut buffer) {
            if way.loses(&buffer[..count]) {
                continue;
            }
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            let jitter = JITTER.mul_f64((dice >> 11) as f64 / (1_u64 << 53) as f64);
            if tell.send((Instant::now() + ONE_WAY + jitter, buffer[..count].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, packet) in told {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let _ = to.send(&packet);
        }
    });
}
