//! `--bearer-token-file`: who we are, to those who ask.

use std::path::PathBuf;

use anomaly::sink::Secret;
use anyhow::{Context, Result};

use super::desk::secret;

/// The flag.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "token")]
pub(crate) struct Token {
    /// A file with the token that is sent along (Authorization: Bearer …)
    #[arg(long, value_name = "FILE")]
    bearer_token_file: Option<PathBuf>,
}

impl Token {
    /// What the header says, if there is a token.
    pub(crate) fn header(&self) -> Result<Option<Secret>> {
        let Some(file) = &self.bearer_token_file else { return Ok(None) };
        let token = secret(file).context("--bearer-token-file")?;
        Ok(Some(Secret::new(format!("Bearer {}", token.expose()))))
    }
}
