//! A [`Client`] where HTTP clients want a resolver. They get the addresses in the order of RFC 8305 §4, and race
//! the connections themselves.

use std::net::SocketAddr;
use std::vec;

use thiserror::Error;

use super::client::Client;

/// Why a host has no addresses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HostError {
    /// There are none, or nobody could say.
    #[error("no address of {0} is known")]
    NoAddress(String),
    /// The server behind the client was stopped.
    #[error("the resolver was stopped")]
    Closed,
}

impl HostError {
    /// A constant name for metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            HostError::NoAddress(_) => "no_address",
            HostError::Closed => "closed",
        }
    }
}

/// The addresses of `host`, with port 0: the connector knows the port.
async fn addresses(client: Client, host: String) -> Result<vec::IntoIter<SocketAddr>, HostError> {
    let found = client.lookup_host(&host).await.map_err(|_| HostError::Closed)?;
    if found.is_empty() {
        return Err(HostError::NoAddress(host));
    }
    let found: Vec<SocketAddr> = found.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
    Ok(found.into_iter())
}

#[cfg(feature = "hyper")]
mod for_hyper {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper_util::client::legacy::connect::dns::Name;
    use tower_service::Service;

    use super::{Client, HostError, SocketAddr, addresses, vec};

    /// For `hyper_util::client::legacy::connect::HttpConnector::new_with_resolver`.
    impl Service<Name> for Client {
        type Response = vec::IntoIter<SocketAddr>;
        type Error = HostError;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, HostError>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), HostError>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, host: Name) -> Self::Future {
            Box::pin(addresses(self.clone(), host.as_str().to_owned()))
        }
    }
}

#[cfg(feature = "reqwest")]
mod for_reqwest {
    use reqwest::dns::{Addrs, Name, Resolve, Resolving};

    use super::{Client, addresses};

    /// For `reqwest::ClientBuilder::dns_resolver`.
    impl Resolve for Client {
        fn resolve(&self, host: Name) -> Resolving {
            let found = addresses(self.clone(), host.as_str().to_owned());
            Box::pin(async move { Ok(Box::new(found.await?) as Addrs) })
        }
    }
}
