//! The client's side of TLS (RFC 5425).

use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::config::StreamOutput;
use super::drive::{SessionError, within};

pub(super) async fn handshake(
    stream: TcpStream,
    config: &Arc<ClientConfig>,
    output: &StreamOutput,
) -> Result<TlsStream<TcpStream>, SessionError> {
    let host = output.address.rsplit_once(':').map_or(&*output.address, |(host, _)| host);
    let name = output.server_name.as_deref().unwrap_or(host).trim_matches(['[', ']']);
    let failed = |error| SessionError::Connect(output.address.clone(), error);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| failed(io::Error::other(format!("{name:?} is no server name"))))?;
    let connector = TlsConnector::from(Arc::clone(config));
    within(output.connect_timeout, connector.connect(name, stream)).await.map_err(failed)
}
