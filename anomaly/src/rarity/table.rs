//! Tables that come back from a snapshot with the length they had.

use serde::de::{Deserialize, Deserializer, Error};

/// A table of `N`, or none.
pub(super) fn restored<'de, D: Deserializer<'de>, const N: usize>(
    from: D,
) -> Result<Box<[f32]>, D::Error> {
    let table = Vec::<f32>::deserialize(from)?;
    if table.len() == N {
        Ok(table.into())
    } else {
        Err(D::Error::invalid_length(table.len(), &"a table as long as it was saved"))
    }
}
