//! Many lives, each ended at random, over one storage.

use log_pipeline::wal::sim::{After, Sim};
use log_pipeline::wal::{Config, Sync, WhenFull};

use super::process::{Mutant, Outside, Step, config};

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }

    fn number(&mut self, most: usize) -> usize {
        self.below(most as u64) as usize
    }

    fn step(&mut self) -> Step {
        let sink = self.number(2);
        match self.below(10) {
            0..=3 => Step::Append { source: self.number(3), count: 1 + self.number(4) },
            4..=6 => Step::Read { sink, most: 1 + self.number(20) },
            7..=8 => Step::Keep { sink, percent: 1 + self.number(100) },
            _ => Step::Sync { sink },
        }
    }
}

/// Lives until `crashes` of them have ended before their time; gives how many records were given up
/// on the way.
fn lives(seed: u64, crashes: u64, config: Config, afters: fn(&mut Dice) -> After) -> usize {
    let mut dice = Dice(seed);
    let (mut sim, mut outside) = (Sim::default(), Outside::default());
    outside.gives_up = config.when_full == WhenFull::DropOldest;
    let (mut ended, mut lives) = (0, 0);
    while ended < crashes {
        lives += 1;
        let steps: Vec<Step> = (0..=dice.number(24)).map(|_| dice.step()).collect();
        let at = dice.below(60);
        sim.crash_at(at);
        let fail = |violation| panic!("seed {seed}, life {lives}: {violation}");
        outside.live(&sim, config, &steps, Mutant::None).unwrap_or_else(fail);
        let crashed = sim.operations() >= at;
        ended += u64::from(crashed);
        let after = afters(&mut dice);
        sim = outside.end(&sim, crashed, after);
    }
    let fail = |violation| panic!("seed {seed}, at the end: {violation}");
    outside.settle(&sim, config).unwrap_or_else(fail);
    outside.given_up
}

fn any_end(dice: &mut Dice) -> After {
    match dice.below(4) {
        0 => After::Kill,
        1 => After::PowerCut,
        _ => After::Torn(dice.below(u64::MAX)),
    }
}

const CRASHES: u64 = 12;

#[test]
fn six_thousand_lives_lose_nothing() {
    for seed in 0..500 {
        lives(seed, CRASHES, config(Sync::Durable), any_end);
    }
}

#[test]
fn three_thousand_lives_under_a_quota_lose_nothing() {
    for seed in 500..750 {
        let when_full = if seed % 2 == 0 { WhenFull::Block } else { WhenFull::DropNewest };
        let config = config(Sync::Durable).quota(64 << 10, when_full);
        lives(seed, CRASHES, config, any_end);
    }
}

#[test]
fn fifteen_hundred_killed_processes_lose_nothing_without_syncs() {
    for seed in 750..875 {
        lives(seed, CRASHES, config(Sync::None), |_| After::Kill);
    }
}

#[test]
fn fifteen_hundred_lives_that_give_up_records_keep_order_and_keys() {
    let mut given_up = 0;
    for seed in 875..1000 {
        let config = config(Sync::Durable).quota(64 << 10, WhenFull::DropOldest);
        given_up += lives(seed, CRASHES, config, any_end);
    }
    assert!(given_up > 0, "the quota was never reached");
}
