//! The socket: for the user of the resolver, and for root, from its first moment on.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use dns_core::Resolver;
use dns_core::net::Clock;
use nix::sys::stat::{Mode, umask};
use nix::unistd::User;
use tokio::sync::mpsc;

use super::desk::{Desk, Request};

/// A socket in the file system; the file goes when this does, where that is permitted.
#[derive(Debug)]
pub(in crate::resolving) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Opens it at `path`, for `user` if there is one. Call it before there is a second thread, for it
    /// changes the umask for a moment; and before privileges are given up.
    ///
    /// What another resolver left behind is replaced; one that listens is not.
    pub(in crate::resolving) fn open(path: &Path, user: Option<&str>) -> Result<ControlSocket> {
        let shown = path.display();
        clear(path).with_context(|| format!("--control {shown}"))?;
        // 0600 by the umask rather than afterwards: in between anybody could connect.
        let before = umask(Mode::from_bits_truncate(0o177));
        let bound = UnixListener::bind(path);
        umask(before);
        let listener = bound.with_context(|| format!("--control: cannot listen on {shown}"))?;
        if let Some(user) = user {
            let user = User::from_name(user).context("the user database cannot be read")?;
            let uid = user.map(|user| user.uid.as_raw());
            chown(path, uid, None)
                .with_context(|| format!("--control: cannot give {shown} away"))?;
        }
        Ok(ControlSocket { listener, path: path.to_owned() })
    }
}

impl ControlSocket {
    /// Carries out what is asked for, for as long as the process lives; gives back what only the task that
    /// serves can do.
    pub(in crate::resolving) fn listen(
        &self,
        resolver: Resolver,
        clock: Clock,
    ) -> Result<mpsc::Receiver<Request>> {
        Desk::start(resolver, clock, &self.listener)
    }
}

/// Removes a socket that nobody listens on any more.
fn clear(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("cannot be looked at"),
        Ok(there) if !there.file_type().is_socket() => bail!("there is a file, and no socket"),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
            fs::remove_file(path).context("cannot be removed")
        }
        Err(error) => Err(error).context("cannot be tried"),
        Ok(_) => bail!("another resolver listens there"),
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let gone: io::Result<()> = fs::remove_file(&self.path);
        if let Err(error) = gone {
            // Without privileges the folder may be another's; the next start clears it up.
            tracing::debug!(path = %self.path.display(), %error, "the control socket stays");
        }
    }
}
