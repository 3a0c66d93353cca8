//! Which server is asked next.

use std::time::Duration;

use super::Server;
use super::flight::Flight;
use crate::upstream::Availability;

/// The server that this flight has asked least, among those the one that answers fastest and fails least.
/// One that has never been asked comes first: it costs one answer to know it. One that is down counts as
/// asked twice already, so it is asked when the others have failed as well.
/// With a `turn`, its place in the row from there counts rather than its speed.
pub(super) fn choose(
    servers: &[Server],
    flight: &Flight,
    now: Duration,
    turn: Option<usize>,
) -> Option<usize> {
    let rank = |&index: &usize| {
        let health = &servers[index].health;
        let down = match health.availability(now) {
            Availability::Up => 0,
            Availability::Probe => 1,
            Availability::Down => 2,
        };
        let place = turn.map_or(0, |turn| (index + turn) % servers.len());
        (flight.times_asked(index) + down, place, health.cost(now))
    };
    (0..servers.len()).filter(|&index| !servers[index].retired).min_by_key(rank)
}
