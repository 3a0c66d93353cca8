//! One server that is asked: how it has been doing, and what it has told us about itself.

use std::time::Duration;

use super::{ForwardConfig, Forwarder};
use crate::upstream::{Budget, Exchange, Health, Offer, Protocol, Upstream};

/// A server and how it has been doing.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) upstream: Upstream,
    pub(super) health: Health,
    pub(super) knows_edns: bool,
    /// No longer to be asked. Its place stays: attempts on their way know it by that.
    pub(super) retired: bool,
    /// Our half of the cookie for this server (RFC 7873 §4.1: a different one for each).
    half: [u8; 8],
    /// The server's own half, when it has given one.
    cookie: Box<[u8]>,
    pub(super) budget: Budget,
}

impl Server {
    pub(super) fn first_carrier(&self) -> super::Carrier {
        if self.upstream.protocol.is_encrypted() {
            super::Carrier::Stream
        } else {
            super::Carrier::Udp
        }
    }

    /// What a query to it offers; `None` when it does not know EDNS.
    pub(super) fn offer(&self, config: &ForwardConfig, udp: bool) -> Option<Offer<'_>> {
        self.knows_edns.then_some(Offer {
            payload: config.udp_payload,
            cookie: (udp && config.cookies).then_some((self.half, self.cookie.as_ref())),
            padded: self.upstream.protocol.is_encrypted(),
            // HTTP has its own ways.
            keepalive: !udp && self.upstream.protocol != Protocol::Https,
        })
    }

    /// Keeps the cookie of a response that is no forgery; a server that gives none any more is not held to
    /// it the next time.
    pub(super) fn learn_cookie(&mut self, exchange: &Exchange, response: &[u8]) {
        if let Some(cookie) = exchange.server_cookie(response) {
            self.cookie = cookie.into();
        } else if exchange.expects_cookie() {
            self.cookie = Box::default();
        }
    }
}

impl Forwarder {
    /// Asks these from now on. Flights on their way keep theirs; a server that was here before keeps what is
    /// known of it.
    pub fn set_upstreams(&mut self, upstreams: impl IntoIterator<Item = Upstream>) {
        self.servers.iter_mut().for_each(|server| server.retired = true);
        for upstream in upstreams {
            let known = self.servers.iter_mut().find(|s| s.retired && s.upstream == upstream);
            if let Some(server) = known {
                server.retired = false;
                continue;
            }
            self.servers.push(Server {
                upstream,
                health: Health::default(),
                knows_edns: true,
                retired: false,
                half: (self.random)().to_ne_bytes(),
                cookie: Box::default(),
                budget: Budget::new(self.config.queries_per_second),
            });
        }
    }

    /// Asks within these bounds from now on; flights on their way keep their deadline.
    pub fn set_bounds(&mut self, deadline: Duration, max_attempts: usize, rotate: bool) {
        let config = &mut self.config;
        (config.deadline, config.max_attempts, config.rotate) = (deadline, max_attempts, rotate);
    }

    /// The servers and how they do.
    pub fn servers(&self) -> impl Iterator<Item = (&Upstream, &Health)> {
        let active = self.servers.iter().filter(|server| !server.retired);
        active.map(|server| (&server.upstream, &server.health))
    }

    /// Every server there has ever been, by its place: what [`Transmit::server`](super::Transmit::server)
    /// counts.
    pub fn places(&self) -> impl ExactSizeIterator<Item = &Upstream> {
        self.servers.iter().map(|server| &server.upstream)
    }
}
