//! What is listened on: opened with the privileges it takes, served without.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use log_pipeline::net::{
    Limits, Pipeline, UnixMode, bind_tcp, bind_udp, bind_unix_datagram, bind_unix_stream,
    tls_server,
};
use tokio_rustls::rustls::ServerConfig;

use super::args::Args;
use super::files::read;

/// Sockets that are open and not served yet.
pub(super) struct Sockets {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    tls: Vec<TcpListener>,
    tls_config: Option<Arc<ServerConfig>>,
    relp: Vec<TcpListener>,
    relp_tls: Vec<TcpListener>,
    unix: Vec<(UnixDatagram, PathBuf)>,
    unix_stream: Vec<UnixListener>,
}

impl Sockets {
    /// Opens all of them, and reads the key, which only root may be able to.
    pub(super) fn open(args: &Args) -> Result<Self> {
        let buffer = args.udp_buffer.as_u64() as usize;
        let mode = UnixMode(args.unix_mode);
        let unix = |path: &PathBuf| Ok((bind_unix_datagram(path, mode)?, path.clone()));
        Ok(Self {
            udp: args.udp.iter().map(|&a| bind_udp(a, buffer)).collect::<Result<_, _>>()?,
            tcp: args.tcp.iter().map(|&a| bind_tcp(a)).collect::<Result<_, _>>()?,
            tls: args.tls.iter().map(|&a| bind_tcp(a)).collect::<Result<_, _>>()?,
            tls_config: match args.tls.len() + args.relp_tls.len() {
                0 => None,
                _ => Some(tls(args)?),
            },
            relp: args.relp.iter().map(|&a| bind_tcp(a)).collect::<Result<_, _>>()?,
            relp_tls: args.relp_tls.iter().map(|&a| bind_tcp(a)).collect::<Result<_, _>>()?,
            unix: args.unix.iter().map(unix).collect::<Result<_>>()?,
            unix_stream: args
                .unix_stream
                .iter()
                .map(|path| bind_unix_stream(path, mode))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Hands them to the pipeline.
    pub(super) fn serve(self, pipeline: &Pipeline, limits: &Limits) -> Result<()> {
        for socket in self.udp {
            pipeline.serve_udp(socket, limits.clone())?;
        }
        for socket in self.tcp {
            pipeline.serve_tcp(socket, limits.clone())?;
        }
        if let Some(config) = self.tls_config {
            for socket in self.tls {
                pipeline.serve_tls(socket, Arc::clone(&config), limits.clone())?;
            }
            for socket in self.relp_tls {
                pipeline.serve_relp_tls(socket, Arc::clone(&config), limits.clone())?;
            }
        }
        for socket in self.relp {
            pipeline.serve_relp(socket, limits.clone())?;
        }
        for (socket, path) in self.unix {
            pipeline.serve_unix_datagram(socket, path, limits.clone())?;
        }
        for socket in self.unix_stream {
            pipeline.serve_unix_stream(socket, limits.clone())?;
        }
        Ok(())
    }
}

fn tls(args: &Args) -> Result<Arc<ServerConfig>> {
    let (Some(cert), Some(key)) = (&args.cert, &args.key) else {
        anyhow::bail!("TLS needs --cert and --key");
    };
    let client_ca = args.client_ca.as_deref().map(read).transpose()?;
    tls_server(&read(cert)?, &read(key)?, client_ca.as_deref())
        .with_context(|| format!("TLS with {} and {}", cert.display(), key.display()))
}
