//! `resolver explain NAME TYPE`: which layer answers, whom it asked, how long that took.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;
use dns_core::net::Server;
use dns_core::{Name, RecordType};

use super::options::Options;

/// Say which layer answers a question, whom it asks and why
#[derive(Clone, Debug, clap::Args)]
pub struct Explain {
    /// The name
    #[arg(value_name = "NAME")]
    pub name: Name,
    /// The record type
    #[arg(value_name = "TYPE", default_value = "A")]
    pub rtype: RecordType,
    /// As if this address asked
    #[arg(long, value_name = "ADDR", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub client: IpAddr,
    /// The same options as without `explain`.
    #[command(flatten)]
    pub options: Options,
}

/// Looks the name up and prints how it was come by.
///
/// # Errors
///
/// When a file cannot be read or the servers cannot be asked at all.
pub fn explain(task: &Explain) -> Result<()> {
    let (primary, ..) = super::begin(&task.options)?;
    let resolver = primary.resolver().clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut config = task.options.server()?;
        config.listen.clear();
        let server = Server::start(resolver, config)?;
        let explained = server.client().explain(&task.name, task.rtype, task.client).await?;
        println!("{explained}");
        server.stop().await;
        Ok(())
    })
}
