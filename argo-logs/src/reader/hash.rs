//! The hash by which lines are compared.

use rapidhash::v3::{DEFAULT_RAPID_SECRETS, rapidhash_v3_micro_inline};

/// Hashes a line.
///
/// The hash has to be fast and to spread well. It need not withstand an attacker: a program
/// that makes its own lines collide loses one of its own lines.
#[inline]
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    rapidhash_v3_micro_inline::<true, false>(bytes, &DEFAULT_RAPID_SECRETS)
}
