//! `--state`: what was learned, kept over a restart; and beside it what is on and was told.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anomaly::{Fleet, LoadError, ResumeError, UnixNanos};
use anyhow::{Context, Result, bail};

use super::desk::Desk;
use super::now;

/// Takes up what the files hold, if there are any. What is damaged is learned anew, and said.
///
/// # Errors
///
/// When a file cannot be read, or is something else: it would be overwritten.
pub(super) fn load(path: &Path, fleet: &mut Fleet, desk: &mut Desk) -> Result<()> {
    load_fleet(path, fleet)?;
    let path = &alerts_beside(path);
    let shown = path.display();
    let Some(bytes) = read(path)? else { return Ok(()) };
    let Some(saved) = bytes.strip_prefix(MAGIC) else {
        bail!("{shown} is something else than saved alerts: give another file");
    };
    if let Err(error) = resume(saved, now(), fleet, desk) {
        tracing::warn!(%error, "{shown} is of no use: what is on is told anew");
        metrics::counter!(REFUSED, "reason" => error.label()).increment(1);
    }
    Ok(())
}

/// All of it or nothing: what was told makes no sense without what is on.
fn resume(
    bytes: &[u8],
    now: UnixNanos,
    fleet: &mut Fleet,
    desk: &mut Desk,
) -> Result<(), ResumeError> {
    let (alerts, rest) = part(bytes).ok_or(ResumeError::Malformed)?;
    let (people, rest) = part(rest).ok_or(ResumeError::Malformed)?;
    let (manager, rest) = part(rest).ok_or(ResumeError::Malformed)?;
    if !rest.is_empty() {
        return Err(ResumeError::Malformed);
    }
    let told = desk.resumed(people, manager)?;
    fleet.resume_alerts(now, alerts)?;
    desk.go_on(told);
    Ok(())
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn load_fleet(path: &Path, fleet: &mut Fleet) -> Result<()> {
    let shown = path.display();
    let Some(bytes) = read(path)? else { return Ok(()) };
    match fleet.load(&bytes) {
        Ok(loaded) if loaded.refused > 0 => {
            tracing::warn!(?loaded, "{shown} is damaged: some series learn anew");
        }
        Ok(loaded) => tracing::info!(?loaded, "taken up"),
        Err(LoadError::Foreign) => {
            bail!("{shown} is something else than learned state: give another file");
        }
        Err(error) => tracing::warn!(%error, "{shown} is of no use: every series learns anew"),
    }
    Ok(())
}

/// Puts away what was learned, and what is on.
pub(super) fn save(path: &Path, fleet: &Fleet, desk: &Desk) -> Result<()> {
    replace(path, |out| fleet.save(out, |_| true))?;
    save_alerts(path, fleet, desk)
}

/// Puts away what is on, and what was told of it.
pub(super) fn save_alerts(path: &Path, fleet: &Fleet, desk: &Desk) -> Result<()> {
    let [people, manager] = desk.to_bytes();
    replace(&alerts_beside(path), |out| {
        out.write_all(MAGIC)?;
        [fleet.alerts().to_bytes(), people, manager].iter().try_for_each(|part| {
            let length = u32::try_from(part.len());
            let length = length.map_err(|_| io::Error::other("alerts of gigabytes"))?;
            out.write_all(&length.to_le_bytes())?;
            out.write_all(part)
        })
    })
}

/// Writes a file: it is the old one or the new one, never half of either.
fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    let beside = with(path, ".new");
    let write = || {
        let mut out = BufWriter::new(File::create(&beside)?);
        write(&mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn alerts_beside(path: &Path) -> PathBuf {
    with(path, ".alerts")
}

fn with(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

const MAGIC: &[u8] = b"watch alerts\n";
pub(super) const REFUSED: &str = "watch_refused_state_total";
