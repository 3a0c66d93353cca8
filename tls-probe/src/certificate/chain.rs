//! A whole chain against a name and a time: what is wrong with it, all of it.

use super::{
    facts::Facts,
    fault::Fault,
    name,
    staple::{CertificateStatus, Staple, StapleError},
};

/// What a server presented, and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a, C> {
    /// The certificates in DER, the server's own first.
    pub chain: &'a [C],
    /// The stapled OCSP response; empty if none came.
    pub staple: &'a [u8],
    /// The DNS name or address that was asked for.
    pub name: &'a str,
    /// The time to judge by, in Unix seconds.
    pub now: i64,
    /// What a verifier said at this time; `None` if none was asked, as when a session is resumed.
    pub verdict: Option<Result<(), Fault>>,
    /// What it says of the path at a time when every certificate of it holds: whether it is
    /// trusted but for the calendar. `None` if that is not known.
    pub trusted: Option<bool>,
}

/// A chain judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// What each certificate says, the server's own first; those that cannot be read are left out.
    pub certificates: Vec<Facts>,
    /// The time it was judged by, in Unix seconds.
    pub now: i64,
    /// What is wrong, gravest first; empty if nothing is.
    pub faults: Vec<Fault>,
    /// A validating client goes on: what the verifier said. `None` if none was asked.
    pub valid: Option<bool>,
    /// The path leads to a trusted root, whatever the time and the name. `None` if not known.
    pub trusted: Option<bool>,
    /// The server's certificate is for the name that was asked for.
    pub name_matches: bool,
    /// The stapled status, if one came.
    pub staple: Option<Result<Staple, StapleError>>,
    /// Why, in a sentence.
    pub because: String,
}

impl Chain {
    /// Reads and judges what was presented. The work is in proportion to its size, which TLS and
    /// its library bound.
    pub fn judge<C: AsRef<[u8]>>(presented: &Presented<'_, C>) -> Self {
        let read: Vec<_> = presented.chain.iter().map(|der| Facts::parse(der.as_ref())).collect();
        let leaf_read = read.first().is_some_and(Result::is_ok);
        let certificates: Vec<Facts> = read.into_iter().filter_map(Result::ok).collect();
        let staple = (!presented.staple.is_empty()).then(|| Staple::parse(presented.staple));
        let leaf = certificates.first().filter(|_| leaf_read);
        let names = leaf.map(|leaf| leaf.names.as_slice()).unwrap_or_default();
        let mut chain = Self {
            now: presented.now,
            faults: Vec::new(),
            valid: presented.verdict.map(|verdict| verdict.is_ok()),
            trusted: presented.trusted,
            name_matches: name::matches(names.iter().map(String::as_str), presented.name),
            staple,
            because: String::new(),
            certificates,
        };
        chain.find_faults(presented.verdict, presented.chain.len());
        chain.because = chain.sentence(presented.name);
        chain
    }

    /// The gravest fault.
    pub fn class(&self) -> Option<Fault> {
        self.faults.first().copied()
    }

    /// The gravest fault's label, or `ok`.
    pub fn class_label(&self) -> &'static str {
        self.class().map_or("ok", Fault::label)
    }

    /// The server's own certificate.
    pub fn leaf(&self) -> Option<&Facts> {
        self.certificates.first()
    }

    /// When the first certificate of the chain expires, in Unix seconds.
    pub fn earliest_expiry(&self) -> Option<i64> {
        self.certificates.iter().map(|facts| facts.not_after).min()
    }

    /// The days left until then; negative once one has expired.
    pub fn days_left(&self) -> Option<f64> {
        let days = self.certificates.iter().map(|facts| facts.days_left(self.now));
        days.min_by(f64::total_cmp)
    }

    /// A stapled status came and holds now.
    pub fn staple_is_fresh(&self) -> bool {
        matches!(self.staple, Some(Ok(staple)) if staple.is_fresh(self.now))
    }

    fn find_faults(&mut self, verdict: Option<Result<(), Fault>>, sent: usize) {
        let mut faults = Vec::new();
        match verdict {
            Some(Err(Fault::UnknownIssuer)) => faults.push(self.why_unknown()),
            Some(Err(fault)) => faults.push(fault),
            _ => {}
        }
        if self.trusted == Some(false) {
            faults.push(self.why_unknown());
        }
        if sent == 0 {
            faults.push(Fault::Absent);
        }
        if self.certificates.len() < sent {
            faults.push(Fault::Unreadable);
        }
        self.of_the_calendar(&mut faults);
        if let Some(leaf) = self.leaf() {
            self.of_the_leaf(leaf, &mut faults);
        }
        for facts in self.certificates.iter().filter(|facts| !facts.self_signed) {
            if facts.weak_signature {
                faults.push(Fault::WeakSignature);
            }
        }
        if self.certificates.iter().any(|facts| facts.key.is_weak()) {
            faults.push(Fault::WeakKey);
        }
        faults.sort_unstable();
        faults.dedup();
        // The verifier's word for what has a better name here.
        if faults.len() > 1 {
            faults.retain(|fault| *fault != Fault::Refused);
        }
        self.faults = faults;
    }

    /// Of certificates beside the leaf only those that a path needs count: servers send expired
    /// cross-signed ones for the sake of old clients.
    fn of_the_calendar(&self, faults: &mut Vec<Fault>) {
        let needed = if self.valid == Some(true) { 1 } else { self.certificates.len() };
        for facts in self.certificates.iter().take(needed) {
            if self.now > facts.not_after {
                faults.push(Fault::Expired);
            }
            if self.now < facts.not_before {
                faults.push(Fault::NotYetValid);
            }
        }
    }

    fn of_the_leaf(&self, leaf: &Facts, faults: &mut Vec<Fault>) {
        if !self.name_matches {
            faults.push(Fault::NameMismatch);
        }
        if !leaf.for_servers {
            faults.push(Fault::WrongPurpose);
        }
        if leaf.self_signed && self.valid != Some(true) && self.trusted != Some(true) {
            faults.push(Fault::SelfSigned);
        }
        match self.staple {
            Some(Ok(staple)) if staple.status == CertificateStatus::Revoked => {
                faults.push(Fault::Revoked);
            }
            Some(Ok(staple)) if !staple.is_fresh(self.now) => faults.push(Fault::StapleStale),
            Some(_) | None => {}
        }
        let good =
            matches!(self.staple, Some(Ok(staple)) if staple.status == CertificateStatus::Good);
        if leaf.must_staple && !(good && self.staple_is_fresh()) {
            faults.push(Fault::MustStapleViolated);
        }
    }

    /// What an unknown issuer comes from, as far as the chain tells.
    fn why_unknown(&self) -> Fault {
        match self.top() {
            Some(top) if top.self_signed && self.certificates.len() == 1 => Fault::SelfSigned,
            Some(top) if top.self_signed => Fault::UntrustedRoot,
            Some(top) if top.names_issuer_location => Fault::MissingIntermediate,
            _ => Fault::UnknownIssuer,
        }
    }

    /// The way from the leaf from issuer to issuer, as far as the names lead.
    fn path(&self) -> impl Iterator<Item = &Facts> {
        let issuer = |of: &&Facts| {
            let issuer = self.certificates.iter().find(|facts| facts.subject == of.issuer);
            issuer.filter(|issuer| issuer != of)
        };
        // Names may lead round in a circle.
        std::iter::successors(self.leaf(), issuer).take(self.certificates.len())
    }

    /// When the first certificate on the way from the server's own to its root expires, in Unix
    /// seconds: what was sent beside the path does not count.
    pub fn path_expiry(&self) -> Option<i64> {
        self.path().map(|facts| facts.not_after).min()
    }

    /// The last certificate of the path.
    fn top(&self) -> Option<&Facts> {
        self.path().last()
    }

    fn sentence(&self, asked: &str) -> String {
        let Some(leaf) = self.leaf() else { return "the server sent no certificate".to_owned() };
        let top = self.top().unwrap_or(leaf);
        match self.class() {
            None => format!("the first of the chain expires in {}", Days(self.days_left())),
            Some(Fault::Expired) => {
                let late = self.certificates.iter().find(|facts| self.now > facts.not_after);
                let late = late.unwrap_or(leaf);
                format!("`{}` expired {} ago", late.subject, Days(Some(-late.days_left(self.now))))
            }
            Some(Fault::NotYetValid) => {
                let early = self.certificates.iter().find(|facts| self.now < facts.not_before);
                let early = early.unwrap_or(leaf);
                let days = early.not_before.saturating_sub(self.now) as f64 / 86_400.0;
                format!("`{}` begins in {}", early.subject, Days(Some(days)))
            }
            Some(Fault::NameMismatch) => {
                let mut names = leaf.names.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
                if leaf.names.len() > 3 {
                    names += ", …";
                }
                format!("it is for {names}, not for {asked}")
            }
            Some(Fault::SelfSigned) => {
                format!("`{}` signed itself and is not trusted", leaf.subject)
            }
            Some(Fault::UntrustedRoot) => format!("the root `{}` is not trusted", top.subject),
            Some(Fault::MissingIntermediate) => {
                format!("`{}` was not sent, and is no trusted root", top.issuer)
            }
            Some(Fault::UnknownIssuer) => format!(
                "`{}` was neither sent nor is trusted: an intermediate is missing or the root is unknown",
                top.issuer
            ),
            Some(Fault::WrongPurpose) => format!("`{}` is not for servers", leaf.subject),
            Some(Fault::MustStapleViolated) => match self.staple {
                None => "it demands a stapled status, and none came".to_owned(),
                Some(_) => {
                    "it demands a stapled status, and none that is fresh and good came".to_owned()
                }
            },
            Some(Fault::WeakKey) => {
                let weak =
                    self.certificates.iter().find(|facts| facts.key.is_weak()).unwrap_or(leaf);
                format!("the key of `{}` is {}", weak.subject, weak.key)
            }
            Some(fault) => format!("`{}`: {}", leaf.subject, fault.label().replace('_', " ")),
        }
    }
}

/// Days as people say them.
struct Days(Option<f64>);

impl std::fmt::Display for Days {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("an unknown time"),
            Some(days) if days.abs() < 2.0 => write!(f, "{:.0} hours", days * 24.0),
            Some(days) => write!(f, "{days:.0} days"),
        }
    }
}
