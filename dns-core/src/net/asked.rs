//! The servers that are asked: datagrams from ever other ports, and connections that are used again.

mod connections;
#[cfg(feature = "https")]
mod https;
mod ports;

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
pub(super) struct Ways {
    servers: Vec<Way>,
    tls: TlsClient,
    heard: mpsc::Sender<Heard>,
}

#[derive(Debug)]
struct Way {
    ports: Ports,
    connections: Connections,
}

/// The configuration of TLS towards servers, when there is any.
#[derive(Clone, Default)]
pub(super) struct TlsClient {
    #[cfg(feature = "tls")]
    pub(super) config: Option<std::sync::Arc<rustls::ClientConfig>>,
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsClient")
    }
}

impl Ways {
    pub(super) fn new(tls: TlsClient, heard: mpsc::Sender<Heard>) -> Ways {
        Ways { servers: Vec::new(), tls, heard }
    }

    /// Makes a way to each server, by its place; those that have one keep it.
    pub(super) fn know<'u>(&mut self, places: impl ExactSizeIterator<Item = &'u Upstream>) {
        let Ways { servers, tls, heard } = self;
        let new = places.skip(servers.len()).map(|upstream| Way {
            ports: Ports::new(upstream.address, heard.clone()),
            connections: Connections::new(upstream.clone(), tls.clone(), heard.clone()),
        });
        servers.extend(new);
    }

    /// Sends without waiting; what cannot be sent is heard of.
    pub(super) fn send(&mut self, transmit: Transmit) {
        let Transmit { attempt, server, carrier, message } = transmit;
        let Some(way) = self.servers.get_mut(server) else { return };
        match carrier {
            Carrier::Udp => way.ports.send(attempt, &message),
            Carrier::Stream => way.connections.send(attempt, message),
        }
    }
}

/// Whether this build can speak to a server.
pub(super) fn is_spoken(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Plain => true,
        Protocol::Tls => cfg!(feature = "tls"),
        Protocol::Https => cfg!(feature = "https"),
    }
}

/// Attempts by message id. Ids are drawn at random, so two may meet; each then sees both responses and
/// knows its own by the question.
type Pending = std::collections::HashMap<u16, Vec<AttemptId>>;

fn id_of(message: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*message.first_chunk()?))
}
