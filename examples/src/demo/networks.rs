//! The client networks of the demo: where they are, what they are called, which one will lag.

use std::net::Ipv4Addr;

/// One client network: a /24 of loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name, as the reverse zone gives it to each of its addresses.
    pub name: &'static str,
    /// Its third octet: `127.10.N.0/24`.
    pub number: u8,
}

impl Network {
    /// One of its addresses.
    pub fn address(&self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, 10, self.number, host)
    }
}

/// All of them.
pub const NETWORKS: [Network; 6] = [
    Network { name: "amber.clients.popkit.test", number: 1 },
    Network { name: "birch.clients.popkit.test", number: 2 },
    Network { name: "coral.clients.popkit.test", number: 3 },
    Network { name: "dune.clients.popkit.test", number: 4 },
    Network { name: "ember.clients.popkit.test", number: 5 },
    Network { name: "fjord.clients.popkit.test", number: 6 },
];

/// The one whose hosts get busy half-way.
pub const LAGGING: Network = NETWORKS[2];

/// The zone's name.
pub const ZONE_ORIGIN: &str = "10.127.in-addr.arpa";

/// The reverse zone that names them: one wildcard a network.
pub const ZONE: &str = "\
$TTL 300
@    IN SOA ns.popkit.test. hostmaster.popkit.test. 1 3600 600 604800 60
     IN NS  ns.popkit.test.
*.1  IN PTR amber.clients.popkit.test.
*.2  IN PTR birch.clients.popkit.test.
*.3  IN PTR coral.clients.popkit.test.
*.4  IN PTR dune.clients.popkit.test.
*.5  IN PTR ember.clients.popkit.test.
*.6  IN PTR fjord.clients.popkit.test.
";
