//! A network namespace of a test's own, where the kernel permits one, with a pair of veths in it.

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use ring_capture::{Frame, Packet};

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// Runs `body` in a new process (this binary once more, for `test` alone, on its only thread) in a
/// network namespace of its own, as root of a user namespace where not as root of all.
///
/// Where that is not permitted, one line says so.
pub(crate) fn apart(test: &str, body: impl FnOnce() -> Outcome) -> Outcome {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let Some(options) = permitted()? else {
        return skip(test, "no network namespace is permitted");
    };
    let output = Command::new("unshare")
        .args(options)
        .arg(std::env::current_exe()?)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "yes")
        .output()?;
    let [out, err] =
        [output.stdout, output.stderr].map(|o| String::from_utf8_lossy(&o).into_owned());
    assert!(output.status.success(), "{test}, in its namespace:\n{out}{err}");
    assert!(out.contains("1 passed"), "no test is named {test:?}:\n{out}{err}");
    for line in err.lines().filter(|line| line.starts_with("skipped")) {
        writeln!(io::stderr(), "{line}")?;
    }
    Ok(())
}

/// One visible line in place of a test.
pub(crate) fn skip(test: &str, reason: &str) -> Outcome {
    Ok(writeln!(io::stderr(), "skipped: {test}: {reason}")?)
}

/// What `unshare` must be told here to make a namespace with interfaces in it.
fn permitted() -> Result<Option<&'static [&'static str]>, Box<dyn Error>> {
    for options in [&["--net"][..], &["--net", "--map-root-user"]] {
        let veth = ["ip", "link", "add", "type", "veth"];
        let tried = Command::new("unshare").args(options).args(veth).output();
        match tried {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let required = std::env::var("POPKIT_PEERS").is_ok_and(|v| v == "require");
                assert!(!required, "unshare is not installed, and POPKIT_PEERS=require");
                return Ok(None);
            }
            tried => {
                if tried?.status.success() {
                    return Ok(Some(options));
                }
            }
        }
    }
    Ok(None)
}

/// `ip` with these words.
pub(crate) fn ip(words: &str) {
    let output = Command::new("ip").args(words.split_whitespace()).output().expect("ip runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {words}: {said}");
}

/// Makes `near` (10.9.0.1) and its peer `far`, both up. What is sent to 10.9.0.2 arrives at `far`,
/// where nobody takes it.
pub(crate) fn veth() {
    for words in VETH {
        ip(words);
    }
    carrier();
}

/// Waits until the kernel has noticed that both ends are up: until then it sends nothing.
pub(crate) fn carrier() {
    until("a carrier", || ["near", "far"].iter().all(|end| shown(end).contains("state UP")));
}

/// What `ip` shows of an interface.
pub(crate) fn shown(interface: &str) -> String {
    let shown = Command::new("ip").args(["-d", "link", "show", interface]).output();
    String::from_utf8(shown.expect("ip runs").stdout).expect("text")
}

/// The words for that.
pub(crate) const VETH: [&str; 5] = [
    "link add near type veth peer name far",
    "address add 10.9.0.1/24 dev near",
    "link set far up",
    "link set near up",
    "neighbour add 10.9.0.2 lladdr 02:00:00:00:00:02 dev near",
];

/// Sends datagrams to port 7000 of 10.9.0.2, each from a port of its own.
pub(crate) fn send(payload: &[u8], count: usize) -> io::Result<()> {
    for _ in 0..count {
        UdpSocket::bind("10.9.0.1:0")?.send_to(payload, "10.9.0.2:7000")?;
    }
    Ok(())
}

/// Whether it is one of those, and none of what an interface says by itself.
pub(crate) fn is_ours(frame: &Frame<'_>) -> bool {
    Packet::parse(frame.link, frame.bytes).is_some_and(|packet| {
        let (one, other) = packet.flow.endpoints();
        packet.flow.protocol() == 17 && (one.port() == 7000 || other.port() == 7000)
    })
}

/// Asks until it holds; panics after ten seconds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "in vain: {what}");
    }
}

pub(crate) const WAIT: Duration = Duration::from_millis(20);

const INSIDE: &str = "RING_CAPTURE_NAMESPACE";
