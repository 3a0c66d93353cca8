//! What a server's certificates say, and what is wrong with them, whether or not they validate.
//!
//! Nothing here trusts or connects: bytes and a time go in, facts come out. Validation is a
//! verifier's affair; its verdict is one more fact ([`Presented::verdict`]).

mod fault;
mod key;
mod name;
mod staple;
mod facts;
mod chain;
#[cfg(feature = "serde")]
mod json;

pub use chain::{Chain, Presented};
pub use facts::{Facts, FactsError};
pub use fault::Fault;
pub use key::{Key, KeyKind, signature_name};
pub use name::matches;
pub use staple::{CertificateStatus, Staple, StapleError};
