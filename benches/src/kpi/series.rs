//! Series such as web services publish: one value a minute for 25 days.

use super::incident::{Incident, Kind};
use super::noise::Noise;

/// A series with what happened in it.
#[derive(Debug, Clone)]
pub struct Series {
    /// What noise it has.
    pub texture: Texture,
    /// One value a minute from midnight on; NaN where it is missing.
    pub values: Vec<f64>,
    /// What happened, in order and apart from each other.
    pub incidents: Vec<Incident>,
}

/// What a series is like between its incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Texture {
    /// Requests: noise grows with the square root of the level.
    Counts,
    /// Noise in proportion to the level, remembering itself.
    Persistent,
    /// Durations: skewed, with heavy tails.
    Durations,
    /// Shares near one hundred that now and then dip.
    Shares,
    /// Few whole numbers.
    Quantised,
    /// Hardly any movement.
    Flat,
    /// A heavy-tailed residual on a strong season.
    Wild,
}

impl Texture {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Counts,
        Self::Persistent,
        Self::Durations,
        Self::Shares,
        Self::Quantised,
        Self::Flat,
        Self::Wild,
    ];

    /// How often each is drawn, in the order of `ALL`.
    const TURNS: [usize; 14] = [0, 1, 0, 2, 1, 3, 0, 6, 1, 4, 0, 2, 5, 1];
}

/// Minutes of a day.
pub const DAY: usize = 1440;
/// Minutes of a series.
pub const LENGTH: usize = 25 * DAY;

/// What a series looks like without noise and incidents.
struct Course {
    base: f64,
    harmonics: [(f64, f64); 3],
    weekend: f64,
    growth: f64,
    /// A job that runs at the same minute of each hour, and what it adds, in parts of the level.
    job: Option<(usize, f64)>,
}

impl Course {
    fn draw(noise: &mut Noise, texture: Texture) -> Self {
        let strength = match texture {
            Texture::Counts | Texture::Wild => noise.between(0.3, 1.0),
            Texture::Persistent => noise.between(0.2, 0.8),
            Texture::Durations | Texture::Quantised => noise.between(0.0, 0.3),
            Texture::Shares | Texture::Flat => 0.0,
        };
        let base = match texture {
            Texture::Shares => 99.0,
            Texture::Quantised => noise.between(3.0, 12.0),
            Texture::Flat => noise.between(10.0, 100.0).round(),
            _ => 10_f64.powf(noise.between(1.5, 5.0)),
        };
        let mut harmonic = |part: f64| {
            (strength * part * noise.uniform(), noise.uniform() * std::f64::consts::TAU)
        };
        let harmonics = [harmonic(1.2), harmonic(0.6), harmonic(0.25)];
        Self {
            base,
            harmonics,
            weekend: 1.0 - strength * noise.between(0.0, 0.4),
            growth: strength * noise.between(-0.2, 0.6),
            job: noise
                .chance(0.05)
                .then(|| ((noise.uniform() * 60.0) as usize, noise.between(0.02, 0.2))),
        }
    }

    fn at(&self, minute: usize) -> f64 {
        let day = (minute % DAY) as f64 / DAY as f64 * std::f64::consts::TAU;
        let wave =
            self.harmonics.iter().zip(1..).map(|(&(strength, phase), times)| {
                strength * (f64::from(times) * day + phase).sin()
            });
        let weekday = (minute / DAY) % 7;
        let weekend = if weekday >= 5 { self.weekend } else { 1.0 };
        let grown = 1.0 + self.growth * minute as f64 / LENGTH as f64;
        let job = match self.job {
            Some((at, adds)) if minute % 60 == at => 1.0 + adds,
            _ => 1.0,
        };
        self.base * wave.sum::<f64>().exp() * weekend * grown * job
    }
}

/// The series of a seed: textures take turns.
pub fn draw(seed: u64) -> Series {
    let mut noise = Noise::new(seed);
    let texture = Texture::ALL[Texture::TURNS[seed as usize % Texture::TURNS.len()]];
    let course = Course::draw(&mut noise, texture);
    let incidents = super::incident::plan(&mut noise, LENGTH);
    let relative = noise.between(0.01, 0.08);
    let memory = noise.between(0.3, 0.95);
    let (mut remembered, mut values, mut held) = (0.0, Vec::with_capacity(LENGTH), None);
    let mut upcoming = incidents.iter().peekable();
    let mut stepped = 1.0;
    for minute in 0..LENGTH {
        while let Some(past) = upcoming.next_if(|incident| incident.end < minute) {
            stepped *= if past.kind == Kind::Deploy { past.factor() } else { 1.0 };
        }
        let now = upcoming.peek().filter(|incident| incident.start <= minute).copied();
        let usual = course.at(minute) * if texture == Texture::Shares { 1.0 } else { stepped };
        remembered = memory * remembered + (1.0 - memory * memory).sqrt() * noise.normal();
        let (off, scale, deviation) = texture.draw(&mut noise, usual, relative, remembered);
        let mut value = usual + off * scale * now.map_or(1.0, Incident::spread);
        if let Some(incident) = now {
            value += texture.pushed(incident.push(minute)) * deviation;
            value *= incident.times(usual, course.at(minute + DAY / 2));
        }
        value = texture.possible(value);
        if now.is_some_and(|incident| incident.kind == Kind::Stuck) {
            value = *held.get_or_insert(value);
        } else {
            held = None;
        }
        values.push(value);
    }
    punch(&mut noise, &mut values, &incidents);
    Series { texture, values, incidents }
}

impl Texture {
    /// How far off a value is, in what unit, and the typical deviation, where `usual` is usual.
    fn draw(
        self,
        noise: &mut Noise,
        usual: f64,
        relative: f64,
        remembered: f64,
    ) -> (f64, f64, f64) {
        let least = 0.02 * usual;
        match self {
            Self::Counts => {
                let scale = usual.sqrt() + 0.3 * relative * usual;
                (noise.normal(), scale, scale.max(least))
            }
            Self::Persistent => (remembered, relative * usual, (relative * usual).max(least)),
            Self::Durations => {
                let skewed = (0.25 * noise.normal()).exp() - 1.0;
                let late = if noise.chance(0.002) { noise.between(0.5, 1.5) } else { 0.0 };
                (skewed + late, 0.5 * usual, 0.125 * usual)
            }
            Self::Shares => {
                let dip = if noise.chance(0.003) { noise.between(0.0, 6.0) } else { 0.0 };
                (-noise.normal().abs() - dip, 5.0 * relative, (5.0 * relative).max(least))
            }
            Self::Quantised => (noise.normal(), usual.sqrt(), usual.sqrt()),
            Self::Flat => (if noise.chance(0.1) { noise.normal().signum() } else { 0.0 }, 1.0, 1.0),
            Self::Wild => (noise.student(4), relative * usual, (relative * usual).max(least)),
        }
    }

    /// Where an incident can push: a share near its limit only falls, what is near zero rises.
    fn pushed(self, push: f64) -> f64 {
        match self {
            Self::Shares => -push.abs(),
            Self::Durations | Self::Quantised => push.abs(),
            _ => push,
        }
    }

    /// The nearest value that this texture can have.
    fn possible(self, value: f64) -> f64 {
        match self {
            Self::Counts | Self::Quantised | Self::Flat => value.max(0.0).round(),
            Self::Shares => value.clamp(0.0, 100.0),
            _ => value.max(0.0),
        }
    }
}

/// Takes values out: single ones, and a few longer gaps.
fn punch(noise: &mut Noise, values: &mut [f64], incidents: &[Incident]) {
    let singles = if noise.chance(0.5) { noise.between(0.0, 0.01) } else { 0.0 };
    for value in values.iter_mut() {
        if noise.chance(singles) {
            *value = f64::NAN;
        }
    }
    for _ in 0..(noise.uniform() * 4.0) as usize {
        let start = (noise.uniform() * (LENGTH - DAY) as f64) as usize;
        let end = start + (noise.between(5.0, 400.0)) as usize;
        if incidents.iter().all(|i| i.end < start || i.start > end) {
            values[start..end].fill(f64::NAN);
        }
    }
}
