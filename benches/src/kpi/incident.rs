//! What happens to a series, and how one sees it.

use super::noise::Noise;

/// What an incident does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Far above for a few minutes.
    Spike,
    /// Far below for a few minutes.
    Dip,
    /// Another level, for a while.
    Shift,
    /// Away step by step, and back at once.
    Ramp,
    /// As ever on average, but restless.
    Restless,
    /// The last value again and again.
    Stuck,
    /// The shape of another hour of the day.
    Season,
    /// A release: another level from here on. The label ends after an hour.
    Deploy,
}

impl Kind {
    /// All of them, and how often each happens among a hundred.
    pub const SHARES: [(Self, u32); 8] = [
        (Self::Spike, 34),
        (Self::Dip, 28),
        (Self::Shift, 20),
        (Self::Ramp, 6),
        (Self::Restless, 5),
        (Self::Stuck, 3),
        (Self::Season, 2),
        (Self::Deploy, 2),
    ];
}

/// A labelled incident: the minutes `start..=end`.
#[derive(Debug, Clone, Copy)]
pub struct Incident {
    /// What it does.
    pub kind: Kind,
    /// Its first minute.
    pub start: usize,
    /// Its last minute.
    pub end: usize,
    /// How far, in usual deviations; negative goes down.
    size: f64,
}

impl Incident {
    /// What it adds, in usual deviations.
    pub(super) fn push(&self, minute: usize) -> f64 {
        let through = (minute - self.start) as f64 / (self.end - self.start).max(1) as f64;
        match self.kind {
            Kind::Spike | Kind::Dip => self.size * if minute == self.start { 0.8 } else { 1.0 },
            Kind::Shift => self.size,
            Kind::Ramp => 2.0 * self.size * through,
            Kind::Restless | Kind::Stuck | Kind::Season | Kind::Deploy => 0.0,
        }
    }

    /// By how much it multiplies the noise.
    pub(super) fn spread(&self) -> f64 {
        if self.kind == Kind::Restless { self.size.abs().clamp(3.0, 10.0) } else { 1.0 }
    }

    /// By how much it multiplies the value, where another hour would be at `other`.
    pub(super) fn times(&self, usual: f64, other: f64) -> f64 {
        match self.kind {
            Kind::Season => other / usual,
            Kind::Deploy => self.factor(),
            _ => 1.0,
        }
    }

    /// The factor a release leaves behind.
    pub(super) fn factor(&self) -> f64 {
        1.0 + 0.03 * self.size
    }
}

/// About ten incidents, the first after two days, each at least an hour after the one before.
pub(super) fn plan(noise: &mut Noise, length: usize) -> Vec<Incident> {
    let (mut incidents, mut minute) = (Vec::new(), 2 * 1440);
    loop {
        // Incidents come in clusters: one in three follows soon.
        let wait = if noise.chance(0.33) {
            noise.between(60.0, 240.0)
        } else {
            -4500.0 * (1.0 - noise.uniform()).ln()
        };
        minute += 60 + wait as usize;
        let kind = one_of(noise);
        let minutes = match kind {
            Kind::Spike | Kind::Dip => noise.between(1.0, 8.0),
            Kind::Shift | Kind::Ramp => noise.between(10.0, 120.0),
            Kind::Restless | Kind::Stuck => noise.between(30.0, 150.0),
            Kind::Season => noise.between(120.0, 360.0),
            Kind::Deploy => 60.0,
        };
        let end = minute + minutes as usize;
        if end + 60 >= length {
            return incidents;
        }
        // Most stand out, some hardly do.
        let magnitude = 12.0 * (1.0 * noise.normal().abs()).exp();
        let down = kind == Kind::Dip || (kind != Kind::Spike && noise.chance(0.5));
        let size = magnitude.min(300.0) * if down { -1.0 } else { 1.0 };
        incidents.push(Incident {
            kind,
            start: minute,
            end,
            size: if kind == Kind::Deploy { size.clamp(-20.0, 20.0) } else { size },
        });
        minute = end;
    }
}

fn one_of(noise: &mut Noise) -> Kind {
    let mut ticket = noise.between(0.0, 100.0);
    for (kind, share) in Kind::SHARES {
        ticket -= f64::from(share);
        if ticket < 0.0 {
            return kind;
        }
    }
    Kind::Spike
}
