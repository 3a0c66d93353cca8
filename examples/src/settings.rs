//! `--config FILE`: a TOML file in the words of the command line.
//!
//! Keys are the long flags without their dashes; a table named after a subcommand is for that one alone.
//! What the command line says wins. The file is turned into arguments before the command line is read, so
//! that every value is checked by the same code and complained of in the same words.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Command};
use toml::{Table, Value};

/// The flag itself, for a binary's top level.
#[derive(Clone, Debug, clap::Args)]
pub struct ConfigFile {
    /// Read flags from this TOML file; those on the command line win
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

/// Why a file of settings is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML.
    #[error("{}: {source}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// A key that is no flag.
    #[error("{}: unknown key `{key}`{}", path.display(), near.as_ref().map_or(String::new(), |near| format!("; did you mean `{near}`?")))]
    Key {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The flag that is written most alike.
        near: Option<String>,
    },
    /// A value that no flag can have.
    #[error("{}: `{key}` wants {wanted}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What would do.
        wanted: &'static str,
    },
}

/// The arguments with those of the file that `--config` names among them, if it names one.
///
/// # Errors
///
/// [`SettingsError`], with file, key and mend.
pub fn with_config(
    command: &Command,
    args: impl IntoIterator<Item = OsString>,
) -> Result<Vec<OsString>, SettingsError> {
    let args: Vec<OsString> = args.into_iter().collect();
    let Some(path) = config_path(&args) else { return Ok(args) };
    let text = std::fs::read_to_string(&path)
        .map_err(|source| SettingsError::Read { path: path.clone(), source })?;
    let table: Table = text
        .parse()
        .map_err(|source| SettingsError::Syntax { path: path.clone(), source: Box::new(source) })?;
    // The subcommand, if there is one: flags of the file go right behind it.
    let mut words = args.iter().enumerate().skip(1);
    let task = words.find_map(|(at, word)| Some((at, command.find_subcommand(word)?)));
    let (at, of) = task.map_or((0, command), |(at, task)| (at, task));
    let mut file = File { path: &path, command, of, given: &args, flags: Vec::new() };
    file.table(&table)?;
    let (before, behind) = args.split_at(at + 1);
    Ok([before, &file.flags, behind].concat())
}

fn config_path(args: &[OsString]) -> Option<PathBuf> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        if text == "--" {
            return None;
        }
        if text == "--config" {
            return args.next().map(PathBuf::from);
        }
        if let Some(path) = text.strip_prefix("--config=") {
            return Some(path.into());
        }
    }
    None
}

struct File<'a> {
    path: &'a Path,
    /// The whole command.
    command: &'a Command,
    /// The part of it that the keys are flags of.
    of: &'a Command,
    given: &'a [OsString],
    flags: Vec<OsString>,
}

impl File<'_> {
    fn table(&mut self, table: &Table) -> Result<(), SettingsError> {
        for (key, value) in table {
            match value {
                Value::Table(inner) if self.command.find_subcommand(key).is_some() => {
                    if self.of.get_name() == key {
                        self.table(inner)?;
                    }
                }
                _ => self.flag(key, value)?,
            }
        }
        Ok(())
    }

    fn flag(&mut self, key: &str, value: &Value) -> Result<(), SettingsError> {
        let known = |arg: &&clap::Arg| arg.get_long() == Some(key) && key != "config";
        let Some(arg) = self.of.get_arguments().find(known) else { return Err(self.unknown(key)) };
        if self.is_given(key) {
            return Ok(());
        }
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            return match value {
                Value::Boolean(true) => {
                    self.flags.push(format!("--{key}").into());
                    Ok(())
                }
                Value::Boolean(false) => Ok(()),
                _ => Err(self.wants(key, "true or false")),
            };
        }
        match value {
            Value::Array(values) if matches!(arg.get_action(), ArgAction::Append) => {
                values.iter().try_for_each(|value| self.value(key, value))
            }
            Value::Array(_) => Err(self.wants(key, "one value")),
            value => self.value(key, value),
        }
    }

    fn value(&mut self, key: &str, value: &Value) -> Result<(), SettingsError> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => return Err(self.wants(key, "a string or a number")),
        };
        // In one word: a value may begin with a dash.
        self.flags.push(format!("--{key}={text}").into());
        Ok(())
    }

    fn is_given(&self, key: &str) -> bool {
        self.given.iter().any(|arg| {
            let arg = arg.to_string_lossy();
            arg.strip_prefix("--")
                .and_then(|arg| arg.strip_prefix(key))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        })
    }

    fn wants(&self, key: &str, wanted: &'static str) -> SettingsError {
        SettingsError::Value { path: self.path.into(), key: key.into(), wanted }
    }

    fn unknown(&self, key: &str) -> SettingsError {
        let flags = self.of.get_arguments().filter_map(clap::Arg::get_long);
        let tasks = self.command.get_subcommands().map(Command::get_name);
        let near = flags.chain(tasks).filter(|known| *known != "config");
        let near = near.map(|known| (strsim::jaro_winkler(known, key), known));
        let near = near.filter(|(likeness, _)| *likeness > 0.75).max_by(|a, b| a.0.total_cmp(&b.0));
        let near = near.map(|(_, known)| known.to_owned());
        SettingsError::Key { path: self.path.into(), key: key.into(), near }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::Arg;

    use super::*;

    fn command() -> Command {
        let run = Command::new("run")
            .arg(Arg::new("slow").long("slow"))
            .arg(Arg::new("to").long("to").action(ArgAction::Append))
            .arg(Arg::new("journal").long("journal").action(ArgAction::SetTrue));
        Command::new("tool")
            .arg(Arg::new("config").long("config"))
            .subcommand(run)
            .subcommand(Command::new("demo").arg(Arg::new("rate").long("rate")))
    }

    fn merged(config: &str, args: &[&str]) -> Result<Vec<String>, String> {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(config.as_bytes()).expect("room");
        let path = file.path().to_string_lossy().into_owned();
        let all = ["tool", "--config", &path].into_iter().chain(args.iter().copied());
        let all = with_config(&command(), all.map(OsString::from));
        let text = |arg: OsString| arg.to_string_lossy().into_owned();
        let all = all.map(|all| all.into_iter().skip(3).map(text).collect());
        all.map_err(|error| error.to_string().replace(&path, "FILE"))
    }

    #[test]
    fn keys_are_flags_behind_the_subcommand() {
        let config = "slow = '50ms'\njournal = true\nto = ['a', 'b']\n[demo]\nrate = 7\n";
        assert_eq!(
            merged(config, &["run", "--x"]).expect("settings"),
            ["run", "--journal", "--slow=50ms", "--to=a", "--to=b", "--x"]
        );
        assert_eq!(merged("[demo]\nrate = 7", &["demo"]).expect("settings"), ["demo", "--rate=7"]);
        assert_eq!(merged("[run]\nslow = '1s'", &["demo"]).expect("settings"), ["demo"]);
    }

    #[test]
    fn the_command_line_wins() {
        for given in [&["run", "--slow", "1s"][..], &["run", "--slow=1s"]] {
            assert_eq!(merged("slow = '50ms'", given).expect("settings"), given);
        }
        assert_eq!(merged("journal = false", &["run"]).expect("settings"), ["run"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_mend() {
        let wrong = |config| merged(config, &["run"]).expect_err("no settings");
        assert_eq!(wrong("slwo = '1s'"), "FILE: unknown key `slwo`; did you mean `slow`?");
        assert_eq!(wrong("qqq = 1"), "FILE: unknown key `qqq`");
        assert_eq!(wrong("journal = 'yes'"), "FILE: `journal` wants true or false");
        assert_eq!(wrong("slow = ['1s']"), "FILE: `slow` wants one value");
        assert!(wrong("slow = ").starts_with("FILE: TOML parse error at line 1"));
        let missing = ["tool", "--config", "/nowhere.toml"].map(OsString::from);
        let error = with_config(&command(), missing).expect_err("no file");
        assert_eq!(error.to_string(), "cannot read /nowhere.toml");
    }
}
