//! What catalogs list (RFC 9432): members come, go, change hands, and are set up as their groups say.

use crate::catalog::{self, Member, MemberChange};
use crate::name::Name;
use crate::net::replicate::Replica;
use crate::secondary::SecondaryConfig;
use crate::zone::Zone;

use super::Task;

impl Task {
    /// Works in what a new version of a catalog lists.
    pub(super) fn list(&mut self, zone: &Zone) {
        let key = zone.origin().folded();
        let Some(state) = self.replicas.get_mut(&key).filter(|state| state.replica.catalog) else {
            return;
        };
        let members = match catalog::members(zone) {
            Ok(members) => members,
            Err(error) => {
                tracing::error!(catalog = %key, %error, "its members stay as they are");
                return;
            }
        };
        let changes = catalog::changes(&state.members, &members);
        state.members = members;
        for change in changes {
            match change {
                MemberChange::Added(member) => self.listed(&key, &member),
                MemberChange::Reset(member) => {
                    if self.owner(&member.zone.0) == Some(&key) {
                        self.remove(&member.zone.0);
                    }
                    self.listed(&key, &member);
                }
                MemberChange::Removed(member) => self.unlisted(&key, &member.zone.0),
                MemberChange::Changed(member) => self.changed(&key, &member),
            }
        }
    }

    /// The catalog that a replica is a member of.
    fn owner(&self, origin: &Name) -> Option<&Name> {
        self.replicas.get(&origin.folded())?.listed_in.as_ref()
    }

    /// What `catalog` says of a zone.
    fn entry(&self, catalog: &Name, origin: &Name) -> Option<&Member> {
        let members = &self.replicas.get(&catalog.folded())?.members;
        members.iter().find(|member| member.zone.0 == *origin)
    }

    /// A zone that another catalog or the configuration names already stays theirs (RFC 9432 §5.2), unless
    /// that catalog gives it to this one (§4.3.1).
    fn listed(&mut self, catalog: &Name, member: &Member) {
        let origin = &member.zone.0;
        let Some(before) = self.owner(origin).cloned() else {
            if self.primary.resolver().zone(origin).is_some() {
                tracing::warn!(zone = %origin, %catalog, "listed in a catalog, and here already");
                return;
            }
            tracing::info!(zone = %origin, %catalog, "listed in a catalog");
            if let Some(replica) = self.settings(catalog, member) {
                self.add_listed(replica, Some(catalog.clone()));
            }
            return;
        };
        let given = self.entry(&before, origin).cloned();
        let to = given.as_ref().and_then(|given| given.change_of_ownership.as_ref());
        match given.as_ref().filter(|_| to.is_some_and(|to| to.0 == *catalog)) {
            Some(given) => self.hand_over(given, catalog, member),
            None => {
                tracing::warn!(zone = %origin, %catalog, owner = %before, "listed in two catalogs");
            }
        }
    }

    /// The member changes hands; under another label it begins anew (§4.3.1, §5.4).
    fn hand_over(&mut self, given: &Member, catalog: &Name, member: &Member) {
        let origin = &member.zone.0;
        tracing::info!(zone = %origin, %catalog, "another catalog's from now on");
        if given.id != member.id {
            self.remove(origin);
            self.listed(catalog, member);
            return;
        }
        if let Some(state) = self.replicas.get_mut(&origin.folded()) {
            state.listed_in = Some(catalog.clone());
        }
        self.set_up(catalog, member);
    }

    /// A catalog lists the zone no more; one that has waited for it takes it.
    fn unlisted(&mut self, catalog: &Name, origin: &Name) {
        if self.owner(origin) != Some(catalog) {
            return;
        }
        tracing::info!(zone = %origin, %catalog, "listed in its catalog no more");
        self.remove(origin);
        let waiting = self.replicas.iter().find_map(|(key, state)| {
            let member = state.members.iter().find(|member| member.zone.0 == *origin)?;
            Some((key.clone(), member.clone()))
        });
        if let Some((catalog, member)) = waiting {
            self.listed(&catalog, &member);
        }
    }

    /// Properties of a member changed.
    fn changed(&mut self, catalog: &Name, member: &Member) {
        if self.owner(&member.zone.0) != Some(catalog) {
            return;
        }
        self.set_up(catalog, member);
        if let Some(to) = &member.change_of_ownership
            && let Some(listed) = self.entry(&to.0, &member.zone.0).cloned()
        {
            self.hand_over(member, &to.0.folded(), &listed);
        }
    }

    /// Has a member that is here served as its catalog and groups say now; its records stay.
    fn set_up(&mut self, catalog: &Name, member: &Member) {
        let now = self.now();
        let Some(mut replica) = self.settings(catalog, member) else { return };
        replica.options.primaries.clone_from(&replica.config.primaries);
        self.primary.configure(&member.zone.0, replica.options.clone());
        if let Some(state) = self.replicas.get_mut(&member.zone.0.folded()) {
            state.secondary.set_primaries(now, replica.config.primaries.clone());
            state.replica = replica;
        }
    }

    /// How a member is to be served: as its catalog is, but for what the first group of the configuration
    /// says that it is in. Groups that the configuration does not know mean nothing (§4.3.2).
    fn settings(&self, catalog: &Name, member: &Member) -> Option<Replica> {
        let template = &self.replicas.get(&catalog.folded())?.replica;
        let group = template.groups.iter().find(|group| member.groups.contains(&group.name));
        let primaries = group.and_then(|group| group.primaries.as_ref());
        let primaries = primaries.unwrap_or(&template.config.primaries).clone();
        let mut config = SecondaryConfig::new(member.zone.0.clone(), primaries);
        config.limits = template.config.limits;
        let options = group.and_then(|group| group.options.as_ref()).unwrap_or(&template.options);
        Some(Replica { config, options: options.clone(), catalog: false, groups: Vec::new() })
    }
}
