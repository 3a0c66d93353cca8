//! The client's side of TLS.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use super::drive::{SessionError, within};

/// Wraps a connection to `address`, within `timeout`. The certificate must be of `server_name`, or
/// of the host in the address.
pub(super) async fn handshake(
    stream: TcpStream,
    config: &Arc<ClientConfig>,
    address: &str,
    server_name: Option<&str>,
    timeout: Duration,
) -> Result<TlsStream<TcpStream>, SessionError> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let name = server_name.unwrap_or(host).trim_matches(['[', ']']);
    let failed = |error| SessionError::Connect(address.to_owned(), error);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| failed(io::Error::other(format!("{name:?} is no server name"))))?;
    let connector = TlsConnector::from(Arc::clone(config));
    within(timeout, connector.connect(name, stream)).await.map_err(failed)
}
