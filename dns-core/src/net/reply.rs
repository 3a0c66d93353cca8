//! How to reach whoever asked.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::datagram::send_one;
use crate::forward::Asked;
use crate::resolve::Transport;
use crate::system::SystemConfig;
use crate::upstream::Upstream;

/// The way back to a client.
#[derive(Debug)]
pub(super) enum ReplyTo {
    /// A datagram, from the address the client sent to.
    Datagram { socket: Arc<UdpSocket>, to: SocketAddr, from: Option<IpAddr> },
    /// A connection.
    Stream(mpsc::Sender<Vec<u8>>),
    /// A caller in this process.
    Caller(oneshot::Sender<Vec<u8>>),
    /// One who wants to know who was asked, too.
    Explainer(oneshot::Sender<Explained>),
}

/// A response, and who was asked for it.
pub(super) type Explained = (Vec<u8>, Vec<Asked>);

impl ReplyTo {
    /// Sends, or drops what cannot be sent at once: a client that does not read has only itself to wait
    /// for, and the network may lose a datagram anyway.
    pub(super) fn send(self, response: Vec<u8>, asked: Vec<Asked>) {
        match self {
            ReplyTo::Datagram { socket, to, from } => {
                let _ = send_one(&socket, to, from, &response);
            }
            ReplyTo::Stream(connection) => {
                let _ = connection.try_send(response);
            }
            ReplyTo::Caller(caller) => {
                let _ = caller.send(response);
            }
            ReplyTo::Explainer(explainer) => {
                let _ = explainer.send((response, asked));
            }
        }
    }
}

/// A query that others have to be asked for.
#[derive(Debug)]
pub(super) enum Missed {
    /// Somebody waits.
    Query { query: Box<[u8]>, client: IpAddr, transport: Transport, to: ReplyTo },
    /// Somebody waits, and wants to know who was asked.
    Explain { query: Box<[u8]>, client: IpAddr, tell: oneshot::Sender<Explained> },
    /// Nobody does: an answer in use is about to expire.
    Refresh { query: Box<[u8]>, client: IpAddr },
    /// Others are to be asked from now on.
    Servers(Vec<Upstream>),
    /// The system's configuration is another: its servers, and how they are asked where the file says so.
    System(SystemConfig),
}
