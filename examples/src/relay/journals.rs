//! `--journal` and `--journal-export`.

use std::path::Path;

use anyhow::{Context, Result};
use log_pipeline::cursor::Start;
use log_pipeline::net::{JournalConfig, Pipeline};

use super::args::{Args, JournalFrom};

/// Follows the journal, and takes exports in, as far as they are asked for.
pub(super) async fn follow(args: &Args, pipeline: &Pipeline) -> Result<()> {
    if let Some(folder) = &args.journal {
        let mut config = JournalConfig::default().start(match args.journal_from {
            JournalFrom::End => Start::End,
            JournalFrom::Oldest => Start::Oldest,
        });
        if folder != Path::new("system") {
            config = config.folder(folder);
        }
        pipeline.follow_journal(config, args.limits()).context("--journal")?;
    }
    for path in &args.journal_export {
        let name = path.display().to_string();
        if path == Path::new("-") {
            pipeline.take_journal_export(&name, tokio::io::stdin(), args.limits());
        } else {
            let file = tokio::fs::File::open(path).await;
            let file = file.with_context(|| format!("--journal-export {name}"))?;
            pipeline.take_journal_export(&name, file, args.limits());
        }
    }
    Ok(())
}
