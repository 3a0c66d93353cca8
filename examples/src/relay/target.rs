//! `NAME=URL`, `EXPR -> NAME` and zones, as they stand on the command line.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result};
use bytesize::ByteSize;
use log_pipeline::frame::Expect;
use log_pipeline::net::{
    FileConfig, FileSync, Format, Framing, Output, RelpOutput, SinkConfig, Source, StreamOutput,
    tls_client,
};
use log_pipeline::network::Network;
use log_pipeline::parse::Policy;
use log_pipeline::route::Route;

use super::files::read;

/// A sink as it was asked for.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub name: String,
    output: Output,
    tls: Option<TlsFiles>,
}

/// Read when the sink is started.
#[derive(Clone, Debug, Default)]
struct TlsFiles {
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl TlsFiles {
    /// Takes the option if it is one of these.
    fn take(&mut self, key: &str, value: &str) -> bool {
        let file = match key {
            "ca" => &mut self.ca,
            "cert" => &mut self.cert,
            "key" => &mut self.key,
            _ => return false,
        };
        *file = Some(value.into());
        true
    }

    fn checked(self) -> Result<Self, String> {
        let together = self.cert.is_some() == self.key.is_some();
        if together { Ok(self) } else { Err("cert and key go together".into()) }
    }
}

impl Target {
    /// What all sinks have.
    pub(super) fn config(&self) -> SinkConfig {
        SinkConfig::new(&self.name)
    }

    /// Where it delivers to, certificates read.
    pub(super) fn output(&self) -> Result<Output> {
        let Some(tls) = &self.tls else { return Ok(self.output.clone()) };
        let bundle = PathBuf::from(SYSTEM_AUTHORITIES);
        let ca = read(tls.ca.as_ref().unwrap_or(&bundle))
            .with_context(|| format!("sink {:?} needs ca=FILE", self.name))?;
        let identity = match (&tls.cert, &tls.key) {
            (Some(cert), Some(key)) => Some((read(cert)?, read(key)?)),
            _ => None,
        };
        let identity = identity.as_ref().map(|(cert, key)| (&cert[..], &key[..]));
        let config = tls_client(&ca, identity)
            .with_context(|| format!("TLS of the sink {:?}", self.name))?;
        Ok(match self.output.clone() {
            Output::Stream(stream) => Output::Stream(stream.tls(config)),
            Output::Relp(relp) => Output::Relp(relp.tls(config)),
            output => output,
        })
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, url) =
            text.split_once('=').ok_or("give NAME=URL, such as all=file:all.jsonl")?;
        let valid = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-');
        if name.is_empty() || name.len() > 64 || !name.chars().all(valid) {
            return Err(format!("{name:?} is no name: use up to 64 of a-z, 0-9, _ and -"));
        }
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let options = query.split('&').filter(|option| !option.is_empty()).map(|option| {
            option.split_once('=').ok_or(format!("{option:?} is no option: write key=value"))
        });
        let mut tls = None;
        let output = if let Some(path) = place.strip_prefix("file:") {
            if path.is_empty() {
                return Err("file: needs a path".into());
            }
            Output::File(options.into_iter().try_fold(FileConfig::new(path), |file, option| {
                let (key, value) = option?;
                file_option(file, key, value)
            })?)
        } else if let Some(address) = place.strip_prefix("tcp://") {
            let stream = StreamOutput::new(host_and_port(address)?);
            Output::Stream(options.into_iter().try_fold(stream, |stream, option| {
                let (key, value) = option?;
                stream_option(stream, key, value)
            })?)
        } else if let Some(address) = place.strip_prefix("tls://") {
            let mut files = TlsFiles::default();
            let mut stream = StreamOutput::new(host_and_port(address)?);
            for option in options {
                let (key, value) = option?;
                if key == "name" {
                    stream = stream.server_name(value);
                } else if !files.take(key, value) {
                    stream = stream_option(stream, key, value)?;
                }
            }
            tls = Some(files.checked()?);
            Output::Stream(stream)
        } else if let Some(address) = place.strip_prefix("relp+tls://") {
            let mut files = TlsFiles::default();
            let mut relp = RelpOutput::new(host_and_port(address)?);
            for option in options {
                let (key, value) = option?;
                if key == "name" {
                    relp = relp.server_name(value);
                } else if !files.take(key, value) {
                    relp = relp_option(relp, key, value)?;
                }
            }
            tls = Some(files.checked()?);
            Output::Relp(relp)
        } else if let Some(address) = place.strip_prefix("relp://") {
            let relp = RelpOutput::new(host_and_port(address)?);
            Output::Relp(options.into_iter().try_fold(relp, |relp, option| {
                let (key, value) = option?;
                relp_option(relp, key, value)
            })?)
        } else {
            return Err(format!(
                "{url:?}: known are file:, tcp://, tls://, relp:// and relp+tls://"
            ));
        };
        Ok(Self { name: name.to_owned(), output, tls })
    }
}

fn file_option(file: FileConfig, key: &str, value: &str) -> Result<FileConfig, String> {
    Ok(match key {
        "format" => file.format(format(value)?),
        "rotate" => {
            let size = value.parse::<ByteSize>().ok().filter(|size| size.as_u64() > 0);
            file.rotate_bytes(size.ok_or("rotate is a size, such as 100MiB")?.as_u64())
        }
        "every" => {
            let period = humantime::parse_duration(value).ok().filter(|period| !period.is_zero());
            file.rotate_every(period.ok_or("every is a time, such as 1d")?)
        }
        "keep" => file.keep(value.parse().map_err(|_| "keep is a number of files")?),
        "zstd" => file.compress(value.parse().map_err(|_| "zstd is true or false")?),
        "sync" => file.sync(match value {
            "batch" => FileSync::Batch,
            "rotation" => FileSync::Rotation,
            "never" => FileSync::Never,
            _ => return Err("sync is batch, rotation or never".into()),
        }),
        _ => return Err(unknown(key, "format, rotate, every, keep, zstd and sync")),
    })
}

fn stream_option(stream: StreamOutput, key: &str, value: &str) -> Result<StreamOutput, String> {
    Ok(match key {
        "format" => stream.format(format(value)?),
        "framing" => stream.framing(match value {
            "octet-counting" => Framing::OctetCounting,
            "lf" => Framing::Lf,
            _ => return Err("framing is octet-counting or lf".into()),
        }),
        _ => return Err(unknown(key, "framing and format, with tls also ca, cert, key and name")),
    })
}

fn relp_option(relp: RelpOutput, key: &str, value: &str) -> Result<RelpOutput, String> {
    Ok(match key {
        "window" => {
            let window = value.parse().ok().filter(|&window| window > 0);
            relp.window(window.ok_or("window is a number of messages, from 1")?)
        }
        "format" => relp.format(format(value)?),
        _ => return Err(unknown(key, "window and format, with TLS also ca, cert, key and name")),
    })
}

fn format(text: &str) -> Result<Format, String> {
    let mut all = [Format::Json, Format::Raw, Format::Rfc5424].into_iter();
    let known = all.find(|format| format.label() == text);
    known.ok_or_else(|| "format is json, raw or rfc5424".to_owned())
}

fn unknown(key: &str, known: &str) -> String {
    format!("{key:?} is no option here: known are {known}")
}

fn host_and_port(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse::<u16>().ok()?;
        (!host.is_empty()).then_some(port)
    });
    port.map(|_| text.to_owned()).ok_or_else(|| format!("{text:?}: give HOST:PORT"))
}

/// Reads `EXPR -> NAME`.
pub(super) fn route(text: &str) -> Result<(Route, String), String> {
    let (expression, name) = text.rsplit_once("->").ok_or("give 'EXPR -> NAME'")?;
    let route = Route::parse(expression).map_err(|error| error.to_string())?;
    Ok((route, name.trim().to_owned()))
}

/// Reads `+01:00`: seconds east of UTC.
pub(super) fn zone(text: &str) -> Result<i32, String> {
    let offset = || {
        let (sign, rest) = match text.as_bytes().first()? {
            b'+' => (1, &text[1..]),
            b'-' => (-1, &text[1..]),
            _ => return (text == "Z").then_some(0),
        };
        let (hours, minutes) = rest.split_once(':')?;
        let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
        let whole = hours <= 23 && minutes <= 59;
        whole.then(|| sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60))
    };
    offset().ok_or_else(|| format!("{text:?} is no zone: write +01:00"))
}

/// Reads `CIDR=OFFSET[,FRAMING]`.
pub(super) fn source(text: &str) -> Result<(Network, Source), String> {
    let (network, rest) = text.split_once('=').ok_or("give CIDR=OFFSET")?;
    let network = network.parse().map_err(|error| format!("{network:?}: {error}"))?;
    let (offset, framing) = rest.split_once(',').unwrap_or((rest, ""));
    let framing = match framing {
        "" => Expect::Any,
        "lf" => Expect::Delimited,
        "octet-counting" => Expect::Counted,
        _ => return Err("framing is lf or octet-counting".into()),
    };
    let policy = Policy { utc_offset_seconds: zone(offset)?, ..Policy::default() };
    Ok((network, Source { policy, framing }))
}

/// Where Debian, and most others, keep the authorities the system trusts.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
