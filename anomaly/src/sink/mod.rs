//! What is sent where: bodies for those who are told, without the sending.

mod instant;
mod secret;
mod retry;
mod object;
mod alertmanager;
mod chat;

pub use alertmanager::Alertmanager;
pub use chat::{pagerduty, slack};
pub use object::{json_line, object};
pub use retry::{Failure, Retry};
pub use secret::{Secret, redacted};
