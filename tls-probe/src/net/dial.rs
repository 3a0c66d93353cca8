//! What a probe does on the wire beside the handshake itself.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use super::{
    clock::{Clock, SystemClock},
    starttls::{Dialogue, Next, StarttlsError},
    timed::Timed,
    watch::Opening,
};

/// Connects to the first address that takes it.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<(TcpStream, Opening), (SocketAddr, io::Error)> {
    let mut refused = None;
    for address in addresses {
        let began_ns = SystemClock.now_ns();
        let connected = timeout(limit, TcpStream::connect(address)).await;
        let done_ns = SystemClock.now_ns();
        match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => {
                // A probe has nothing to gain by gathering small writes.
                let _ = stream.set_nodelay(true);
                return Ok((stream, Opening { began_ns, done_ns }));
            }
            Err(error) => refused = Some((*address, error)),
        }
    }
    Err(refused.expect("a group of addresses has at least one"))
}

/// Speaks in clear until TLS may begin.
pub(super) async fn converse(
    stream: &mut TcpStream,
    mut dialogue: Dialogue,
) -> Result<(), StarttlsError> {
    let mut buffer = [0; 2048];
    let closed = |_| StarttlsError::Closed;
    loop {
        match dialogue.poll()? {
            Next::Ready => return Ok(()),
            Next::Send(what) => stream.write_all(&what).await.map_err(closed)?,
            Next::Read => match stream.read(&mut buffer).await.map_err(closed)? {
                0 => return Err(StarttlsError::Closed),
                count => dialogue.input(&buffer[..count]),
            },
        }
    }
}

/// Waits until a ticket has come (RFC 8446 §4.6.1), or the server speaks or leaves. Up to TLS 1.2
/// it came with the handshake.
pub(super) async fn ticket(stream: &mut TlsStream<Timed<TcpStream>>) {
    let tls13 = stream.get_ref().1.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3);
    if !tls13 {
        return;
    }
    let mut space = [0; 256];
    std::future::poll_fn(|cx| {
        if stream.get_ref().1.tls13_tickets_received() > 0 {
            return std::task::Poll::Ready(());
        }
        let mut buffer = ReadBuf::new(&mut space);
        let read = std::pin::Pin::new(&mut *stream).poll_read(cx, &mut buffer);
        if read.is_ready() || stream.get_ref().1.tls13_tickets_received() > 0 {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
}

/// A server that gives tickets sends them at once: this is for the path.
pub(super) const TICKET_WAIT: Duration = Duration::from_secs(1);
