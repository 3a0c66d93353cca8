//! `resolver explain NAME TYPE`: which layer answers, whom it asked, how long that took.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use anyhow::Result;
use dns_core::net::Server;
use dns_core::resolve::Layer;
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
    let name = task.name.to_string();
    let known = resolver.explain(Duration::from_secs(1), &name, task.rtype, task.client)?;
    if known.layer != Layer::Upstream {
        println!("{known}");
        if known.leads_to.is_none() {
            return Ok(());
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut config = task.options.server()?;
        config.listen.clear();
        let server = Server::start(resolver, config)?;
        let begin = Instant::now();
        let lookup = server.client().lookup(&task.name, task.rtype).await?;
        let took = begin.elapsed();
        println!(
            "{} {}, asked by {}: {}",
            task.name,
            task.rtype,
            task.client,
            lookup.outcome.label()
        );
        let why = if known.leads_to.is_some() {
            "its alias leads away"
        } else {
            "no zone here holds the name"
        };
        println!("  because {why}, and others were asked, for {took:.1?} in all");
        for asked in server.status().last_asked {
            let (server, outcome) = (&asked.server, asked.outcome.label());
            println!("  {server}: {outcome} after {:.1?}", asked.took);
        }
        for record in &lookup.records {
            println!("  {record}");
        }
        server.stop().await;
        Ok(())
    })
}
