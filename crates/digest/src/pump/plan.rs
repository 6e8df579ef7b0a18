//! Which streams are worth a thread of their own.

/// How many of the largest of `sizes` (largest first) should each be hashed alone on one of `threads`,
/// while the rest share the other threads, `lanes` at a time.
///
/// One stream alone is hashed faster than the same stream beside others: where one is so large that all would wait
/// for it, company costs more than it gives.
pub(super) fn alone(sizes: &[u64], threads: usize, lanes: usize) -> usize {
    if lanes < 2 || threads < 2 {
        return 0;
    }
    (0..threads.min(sizes.len().saturating_add(1)))
        .min_by_key(|&count| duration(sizes, count, threads, lanes))
        .unwrap_or(0)
}

/// A full set of lanes hashes this many times the bytes of one stream alone, copying included.
const GAIN: (u128, u128) = (8, 5);

#[expect(
    clippy::arithmetic_side_effects,
    reason = "times 8, sizes of 64 bits fit in 128; `count` < `threads`"
)]
/// About how long it takes with the `count` largest alone, in bytes of one stream alone. `count` < `threads`.
fn duration(sizes: &[u64], count: usize, threads: usize, lanes: usize) -> u128 {
    let (alone, shared) = sizes.split_at(count);
    let largest = |sizes: &[u64]| u128::from(sizes.first().copied().unwrap_or(0));
    let total: u128 = shared.iter().copied().map(u128::from).sum();
    let all_shared = total * GAIN.1 / (GAIN.0 * (threads - count) as u128);
    let beside = lanes.min(shared.len()) as u128;
    let one_shared = largest(shared).max(largest(shared) * beside * GAIN.1 / GAIN.0);
    largest(alone).max(all_shared).max(one_shared)
}

#[cfg(test)]
mod tests {
    use super::alone;

    #[test]
    fn only_what_all_would_wait_for_is_alone() {
        let check = |sizes: &[u64], threads, lanes, expect| {
            assert_eq!(alone(sizes, threads, lanes), expect, "{sizes:?}, {threads} threads, {lanes} lanes");
        };
        check(&[], 2, 2, 0);
        check(&[7], 2, 2, 0);
        check(&[7], 1, 2, 0);
        // The layers of a real image: one has 43 % of the bytes.
        check(&[43, 20, 15, 12, 10], 2, 2, 1);
        check(&[43, 20, 15, 12, 10], 1, 2, 0);
        // Nobody's neighbour where a thread hashes one at a time anyway.
        check(&[43, 20, 15, 12, 10], 2, 1, 0);
        check(&[10; 10], 2, 2, 0);
        check(&[10; 10], 4, 3, 0);
        check(&[50, 50, 1, 1, 1, 1], 4, 2, 2);
        check(&[0; 4], 2, 2, 0);
        check(&[u64::MAX; 3], 2, 2, 0);
        check(&[u64::MAX, 1, 1], 2, 2, 1);
    }
}
