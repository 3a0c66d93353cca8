//! The servers that are asked: datagrams from ever other ports, and connections that are used again.

mod connections;
mod ports;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::forward::{AttemptId, Carrier, Transmit};
use crate::upstream::{Protocol, Upstream};
use connections::Connections;
use ports::Ports;

/// What became of an attempt.
#[derive(Debug)]
pub(super) enum Heard {
    /// This came, and may be the answer.
    Response(AttemptId, Vec<u8>),
    /// It could not be sent, or its connection broke.
    Failure(AttemptId),
}

/// Ways to all servers.
#[derive(Debug)]
pub(super) struct Asked {
    servers: Vec<Ways>,
}

#[derive(Debug)]
struct Ways {
    ports: Ports,
    connections: Connections,
}

/// The configuration of TLS towards servers, when there is any.
#[derive(Clone, Default)]
pub(super) struct TlsClient {
    #[cfg(feature = "tls")]
    pub(super) config: Option<Arc<rustls::ClientConfig>>,
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsClient")
    }
}

impl Asked {
    pub(super) fn new(
        upstreams: &[Upstream],
        tls: &TlsClient,
        heard: &mpsc::Sender<Heard>,
    ) -> Asked {
        let ways = |upstream: &Upstream| Ways {
            ports: Ports::new(upstream.address, heard.clone()),
            connections: Connections::new(upstream.clone(), tls.clone(), heard.clone()),
        };
        Asked { servers: upstreams.iter().map(ways).collect() }
    }

    /// Sends without waiting; what cannot be sent is heard of.
    pub(super) fn send(&mut self, transmit: Transmit) {
        let Transmit { attempt, server, carrier, message } = transmit;
        let Some(ways) = self.servers.get_mut(server) else { return };
        match carrier {
            Carrier::Udp => ways.ports.send(attempt, &message),
            Carrier::Stream => ways.connections.send(attempt, message),
        }
    }
}

/// Whether this build can speak to a server.
pub(super) fn is_spoken(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Plain => true,
        Protocol::Tls => cfg!(feature = "tls"),
        Protocol::Https => false,
    }
}

/// Attempts by message id. Ids are drawn at random, so two may meet; each then sees both responses and
/// knows its own by the question.
type Pending = std::collections::HashMap<u16, Vec<AttemptId>>;

fn id_of(message: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*message.first_chunk()?))
}
