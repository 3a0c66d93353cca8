//! Connections being let in, each spoken to in the language of its listener.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::bind::Listen;
use super::server::ServerConfig;
use super::stream::{self, StreamDesk};
use crate::resolve::Transport;

/// How connections of one listener are spoken to.
#[derive(Clone)]
pub(super) enum Acceptor {
    Plain,
    #[cfg(feature = "tls")]
    Tls(tokio_rustls::TlsAcceptor),
    #[cfg(feature = "https")]
    Https(tokio_rustls::TlsAcceptor),
}

impl Acceptor {
    /// `None` when this takes a certificate that is not there, or a feature.
    pub(super) fn new(listen: Listen, config: &ServerConfig) -> Option<Acceptor> {
        match listen {
            Listen::Plain(_) => Some(Acceptor::Plain),
            #[cfg(feature = "tls")]
            Listen::Tls(_) => {
                let mut tls = rustls::ServerConfig::clone(config.tls_server.as_ref()?);
                tls.alpn_protocols = vec![super::bind::DOT.to_vec()];
                Some(Acceptor::Tls(Arc::new(tls).into()))
            }
            #[cfg(feature = "https")]
            Listen::Https(_) => {
                let mut tls = rustls::ServerConfig::clone(config.tls_server.as_ref()?);
                tls.alpn_protocols = vec![b"h2".to_vec()];
                Some(Acceptor::Https(Arc::new(tls).into()))
            }
            #[cfg(not(all(feature = "tls", feature = "https")))]
            _ => {
                let _ = config;
                None
            }
        }
    }
}

/// Lets connections in until it is told to close, then waits a little for those on their way.
pub(super) async fn accept(
    listener: TcpListener,
    acceptor: Acceptor,
    desk: Arc<StreamDesk>,
    connections: Arc<Semaphore>,
    mut closing: watch::Receiver<bool>,
) {
    let mut serving = JoinSet::new();
    loop {
        // Nobody is let in while the house is full: the backlog waits.
        let room = Arc::clone(&connections).acquire_owned();
        let (stream, client) = tokio::select! {
            _ = closing.changed() => break,
            Some(_) = serving.join_next() => continue,
            accepted = async { (room.await, listener.accept().await) } => match accepted {
                (Ok(room), Ok((stream, client))) => ((stream, room), client.ip()),
                (_, Ok(_)) => break,
                (_, Err(error)) => {
                    // Out of descriptors, most likely: it passes.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let ((stream, room), acceptor, desk) = (stream, acceptor.clone(), Arc::clone(&desk));
        serving.spawn(async move {
            let _room = room;
            if let Err(error) = converse(stream, client, acceptor, desk).await {
                tracing::debug!(client.address = %client, %error, "a connection ended");
            }
        });
    }
    drop(listener);
    // Who is connected may finish what is on its way; idle ones do not hold the stop up.
    let _ =
        tokio::time::timeout(DRAIN, async { while serving.join_next().await.is_some() {} }).await;
}

async fn converse(
    stream: TcpStream,
    client: IpAddr,
    acceptor: Acceptor,
    desk: Arc<StreamDesk>,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    match acceptor {
        Acceptor::Plain => stream::serve(stream, client, Transport::Stream, desk).await,
        #[cfg(feature = "tls")]
        Acceptor::Tls(acceptor) => {
            let stream = tokio::time::timeout(desk.idle, acceptor.accept(stream)).await??;
            stream::serve(stream, client, Transport::Encrypted, desk).await
        }
        #[cfg(feature = "https")]
        Acceptor::Https(acceptor) => {
            let stream = tokio::time::timeout(desk.idle, acceptor.accept(stream)).await??;
            super::https::serve(stream, client, desk).await
        }
    }
}

/// How long connections may take to end when the server stops.
const DRAIN: Duration = Duration::from_secs(2);
