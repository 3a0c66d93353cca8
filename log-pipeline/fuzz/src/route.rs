//! Expressions of routes.

use log_pipeline::parse::{Policy, parse};
use log_pipeline::route::Route;
use log_pipeline::timestamp::Timestamp;

/// Reads the first line as an expression, and asks it about the rest as a message.
pub fn route(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (expression, frame) = text.split_once('\n').unwrap_or((text, ""));
    match Route::parse(expression) {
        Ok(route) => {
            let now = Timestamp::from_unix_ns(0);
            route.matches(&parse(frame.as_bytes(), now, &Policy::default()), None);
        }
        Err(error) => assert!(expression.is_char_boundary(error.at)),
    }
}
