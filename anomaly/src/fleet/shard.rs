//! Which shard a series belongs to.

use crate::alert::Labels;

/// The shard of a series among so many (one at least), from 0: the same on every machine, for every
/// order of labels. Of `shards + 1` shards only the last takes series from the others (jump
/// consistent hash, Lamping and Veach 2014, over 64-bit FNV-1a), so that a stream engine which
/// partitions by it moves as little as it can.
pub fn shard_of(labels: &Labels, shards: u32) -> u32 {
    let mut hash = FNV_START;
    let mut take = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
        }
    };
    for (name, value) in labels.iter() {
        // 0xff is in no UTF-8 text: pairs cannot run into each other.
        [name.as_bytes(), &[0xff], value.as_bytes(), &[0xff]].into_iter().for_each(&mut take);
    }
    jump(hash, shards.max(1))
}

fn jump(mut key: u64, buckets: u32) -> u32 {
    let (mut bucket, mut next) = (0, 0.0);
    while next < f64::from(buckets) {
        bucket = next as u32;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = (f64::from(bucket) + 1.0) * ((1_u64 << 31) as f64 / ((key >> 33) as f64 + 1.0));
    }
    bucket
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    fn series(i: u32) -> Labels {
        Labels::new([("host", format!("h{i}")), ("metric", "load".to_owned())])
    }

    #[test]
    fn shards_are_even_and_growing_moves_little() {
        let mut sizes = [0_u32; 8];
        let mut moved = 0;
        for i in 0..8_000 {
            let (now, grown) = (shard_of(&series(i), 8), shard_of(&series(i), 9));
            sizes[now as usize] += 1;
            assert!(now == grown || grown == 8, "only the new shard takes series");
            moved += u32::from(now != grown);
        }
        assert!(sizes.iter().all(|size| (850..1150).contains(size)), "{sizes:?}");
        assert!((750..1030).contains(&moved), "{moved}");
    }

    #[test]
    fn pairs_do_not_run_into_each_other() {
        let (a, b) = (Labels::new([("a", "bc")]), Labels::new([("ab", "c")]));
        let differs = (2..64).any(|shards| shard_of(&a, shards) != shard_of(&b, shards));
        assert!(differs);
        assert_eq!(shard_of(&a, 0), 0);
    }
}
