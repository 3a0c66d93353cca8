//! Becoming somebody who may do nothing in particular.

use anyhow::{Context, Result, bail, ensure};
use nix::sys::prctl;
use nix::unistd::{Uid, User, getresuid, setgroups, setresgid, setresuid};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

/// Becomes `name`, with its group and no other and without any capability, for good: no program
/// started from here can gain a privilege either. Call it before starting threads: capabilities
/// are given up by the thread that calls, and those it starts afterwards.
pub(crate) fn become_user(name: &str) -> Result<()> {
    let user = User::from_name(name).context("the user database cannot be read")?;
    let Some(user) = user else { bail!("no user is called {name:?}") };
    if Uid::effective() != user.uid {
        ensure!(Uid::effective().is_root(), "only root can become {name:?}");
        // Groups first, for the user may not change them.
        setgroups(&[]).context("setgroups")?;
        setresgid(user.gid, user.gid, user.gid).context("setresgid")?;
        setresuid(user.uid, user.uid, user.uid).context("setresuid")?;
    }
    prctl::set_no_new_privs().context("PR_SET_NO_NEW_PRIVS")?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets).context("capset")?;
    let now = getresuid().context("getresuid")?;
    let all = [now.real, now.effective, now.saved];
    ensure!(all.iter().all(|&uid| uid == user.uid), "the user did not change");
    let root = Uid::from_raw(0);
    ensure!(user.uid == root || setresuid(root, root, root).is_err(), "root can be had again");
    Ok(())
}
