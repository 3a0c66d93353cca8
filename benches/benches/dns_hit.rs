//! What does an answer out of the cache cost in this process, against the caches others use?
//!
//! CPU time of the measuring threads; candidates in turn, medians of the rounds.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use dns_core::net::{Listen, Server, ServerConfig};
use dns_core::{Name, RecordType, Resolver, Transport};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use popkit_benches::clock::{cpu_time, median_and_spread};
use popkit_benches::dns::{NAMES, filled, host, query, response, shuffled, zone};
use popkit_benches::memory::resident_bytes;

const NOW: Duration = Duration::from_secs(1_790_000_000);
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ROUNDS: usize = 15;
/// Long enough that two threads really meet.
const HITS: usize = 1_000_000;

/// The hit that is one below [`NAMES`] in the order of asking.
type Candidate<'c> = (&'static str, usize, Box<dyn Fn(usize) -> usize + Sync + 'c>);

fn main() {
    let order = shuffled();
    // Questions lie in memory in the order in which they are asked, as a server finds them: their way into a
    // near cache is nobody's cost here. Answers lie in another.
    let queries: Vec<Vec<u8>> = order.iter().map(|&i| query(i)).collect();
    let names: Vec<Name> = order.iter().map(|&i| host(i).parse().expect("a name")).collect();
    let keys: Vec<Box<[u8]>> = names.iter().map(|name| name.as_wire().into()).collect();
    let ours = filled(NAMES, 32 << 20, NOW);
    let moka: moka::sync::Cache<Box<[u8]>, Arc<[u8]>> = moka::sync::Cache::new(2 * NAMES as u64);
    let quick: quick_cache::sync::Cache<Box<[u8]>, Arc<[u8]>> =
        quick_cache::sync::Cache::new(2 * NAMES);
    for i in 0..NAMES {
        let name: Name = host(i).parse().expect("a name");
        moka.insert(name.as_wire().into(), response(i).into());
        quick.insert(name.as_wire().into(), response(i).into());
    }
    moka.run_pending_tasks();
    let (runtime, hickory, _server) = hickory();
    let hosts: Vec<_> = order
        .iter()
        .map(|&i| hickory_resolver::proto::rr::Name::from_ascii(host(i)).expect("a name"))
        .collect();

    let candidates: Vec<Candidate<'_>> = vec![
        (
            "dns-core, wire answer into a buffer",
            HITS,
            Box::new(|i| {
                let mut out = [0; 1_232];
                let served = ours.serve(NOW, CLIENT, &queries[i], Transport::Datagram, &mut out);
                black_box(&served);
                usize::from(out[7])
            }),
        ),
        (
            "dns-core, owned list of addresses",
            HITS,
            Box::new(|i| {
                ours.cached_addresses(NOW, &names[i], RecordType::A).expect("in it").len()
            }),
        ),
        (
            "dns-core, typed records",
            HITS,
            Box::new(|i| ours.lookup_name(NOW, names[i].clone(), RecordType::A).records.len()),
        ),
        (
            "quick_cache get (no DNS)",
            HITS,
            Box::new(|i| quick.get(&*keys[i]).expect("in it").len()),
        ),
        ("moka get (no DNS)", HITS, Box::new(|i| moka.get(&*keys[i]).expect("in it").len())),
        (
            "hickory-resolver lookup",
            HITS / 20,
            Box::new(|i| {
                let found =
                    hickory.lookup(hosts[i].clone(), hickory_resolver::proto::rr::RecordType::A);
                let mut found = Box::pin(found);
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                loop {
                    // In the cache: ready at once.
                    if let std::task::Poll::Ready(found) = found.as_mut().poll(&mut context) {
                        return found.expect("an answer").answers().len();
                    }
                }
            }),
        ),
    ];
    let _inside = runtime.enter();
    println!("| candidate | threads | ns CPU a hit | spread |\n|---|---|---|---|");
    for threads in [1, 2] {
        let mut times: Vec<Vec<f64>> = vec![Vec::new(); candidates.len()];
        for _ in 0..ROUNDS {
            for ((_, hits, hit), times) in candidates.iter().zip(&mut times) {
                times.push(round(threads, *hits, hit, runtime.handle()));
            }
        }
        for ((name, ..), times) in candidates.iter().zip(&mut times) {
            let (median, spread) = median_and_spread(times);
            println!("| {name} | {threads} | {median:.0} | {:.0} % |", spread * 100.0);
        }
    }
    drop(candidates);
    memory();
}

/// CPU nanoseconds a hit, mean over the threads.
fn round(
    threads: usize,
    hits: usize,
    hit: &(dyn Fn(usize) -> usize + Sync),
    runtime: &tokio::runtime::Handle,
) -> f64 {
    let work = |thread: usize| {
        let _inside = runtime.enter();
        let begun = cpu_time();
        for n in 0..hits {
            black_box(hit((n + thread * 131) % NAMES));
        }
        cpu_time().saturating_sub(begun).as_nanos() as f64 / hits as f64
    };
    let work = &work;
    let all: Vec<f64> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|t| scope.spawn(move || work(t))).collect();
        running.into_iter().map(|one| one.join().expect("no panic")).collect()
    });
    all.iter().sum::<f64>() / threads as f64
}

/// hickory's resolver with all names in its cache, filled from a server of ours.
fn hickory() -> (tokio::runtime::Runtime, TokioResolver, Server) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut config = ServerConfig::default();
    config.listen = vec![Listen::Plain((Ipv4Addr::LOCALHOST, 0).into())];
    let server = {
        let _inside = runtime.enter();
        Server::start(Resolver::builder().zone(zone()).build(), config).expect("a server")
    };
    let mut connection = ConnectionConfig::udp();
    connection.port = server.addresses()[0].address().port();
    let upstream = NameServerConfig::new(CLIENT, true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![upstream]);
    let provider = TokioRuntimeProvider::default();
    let mut builder = TokioResolver::builder_with_config(config, provider);
    builder.options_mut().cache_size = 4 * NAMES as u64;
    let resolver = builder.build().expect("a resolver");
    runtime.block_on(async {
        for i in 0..NAMES {
            resolver.lookup_ip(host(i)).await.expect("an answer");
        }
    });
    (runtime, resolver, server)
}

/// What a million cached A answers take.
fn memory() {
    const MANY: usize = 1_000_000;
    let before = resident_bytes().expect("/proc");
    let resolver = filled(MANY, 1 << 30, NOW);
    let resident = resident_bytes().expect("/proc") - before;
    let stats = resolver.cache().stats();
    println!(
        "\na million A answers: {} bytes an entry by the cache's own account, {} resident",
        stats.bytes / stats.entries,
        resident as usize / MANY
    );
}
