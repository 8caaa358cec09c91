//! Roles on catalogs: who is meant, who has them, and what of our own writes the list does not show yet.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    directory::Memory,
    halt::{Halt, Retry, Step},
    tenant::Tenant,
};
use crate::{
    api::{Catalog, PinnedReference},
    clock::Clock,
    graph::{CatalogId, RoleAssignment, RoleAssignmentId},
    plan::{
        Problem,
        bindings::remember,
        catalog::{DesiredRoles, named},
    },
};

/// What was found of the roles that a spec asks for.
#[derive(Default)]
pub(crate) struct FoundRoles {
    pub(crate) desired: DesiredRoles,
    pub(crate) pins: Vec<PinnedReference>,
    pub(crate) warning: Option<Problem>,
    pub(crate) retry: Option<Retry>,
}

/// Finds everybody who is to have a role; one who is not found keeps nobody else waiting.
pub(crate) async fn resolve_roles(tenant: &Tenant, catalog: &Catalog, memory: Memory<'_>) -> Step<FoundRoles> {
    let mut found = FoundRoles::default();
    let asked = &catalog.spec.role_assignments;
    let named = named(asked).map_err(|problem| Halt::reference(problem).retried(Retry::OnChange))?;
    let references: Vec<_> = named.iter().map(|one| (one.field.clone(), one.key.clone())).collect();
    let answers = tenant.directory.bind_many(&references, memory).await;
    for (one, answer) in named.iter().zip(answers) {
        match answer {
            Ok(bound) => {
                remember(&mut found.pins, bound.pin);
                found.warning = found.warning.or(bound.moved);
                found.desired.assignments.push(one.bound(&bound.id));
            }
            Err(halt) => {
                found.retry = found.retry.or(Some(halt.retry));
                found.desired.unresolved.push(halt.problem);
            }
        }
    }
    let claims = tenant.graph.token_claims().await?;
    found.desired.reads_may_be_late = tenant.role_writes.of_others_may_be_late();
    if !claims.is_tenant_wide() {
        found.desired.own = claims.object_id.map(Into::into);
    }
    Ok(found)
}

/// What this process has written and reads need not show yet.
pub(crate) struct RoleWrites {
    clock: Clock,
    begun: Instant,
    visibility: Duration,
    written: Mutex<HashMap<CatalogId, Vec<(Instant, Written)>>>,
}

#[derive(Clone)]
enum Written {
    Given(RoleAssignment),
    Taken(RoleAssignmentId),
}

impl RoleWrites {
    pub(crate) fn new(clock: Clock, visibility: Duration) -> Self {
        Self {
            begun: clock.instant(),
            clock,
            visibility,
            written: Mutex::default(),
        }
    }

    /// Whether what a process before this one has written may not show yet.
    pub(crate) fn of_others_may_be_late(&self) -> bool {
        self.clock.since(self.begun) < self.visibility
    }

    fn written(&self) -> MutexGuard<'_, HashMap<CatalogId, Vec<(Instant, Written)>>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, catalog: &CatalogId, what: Written) {
        let now = self.clock.instant();
        self.written().entry(catalog.clone()).or_default().push((now, what));
    }

    /// Somebody was given a role.
    pub(crate) fn given(&self, catalog: &CatalogId, assignment: RoleAssignment) {
        self.enter(catalog, Written::Given(assignment));
    }

    /// Somebody's role was taken away.
    pub(crate) fn taken(&self, catalog: &CatalogId, id: RoleAssignmentId) {
        self.enter(catalog, Written::Taken(id));
    }

    /// What a list that was begun now tells, with what was written before it and may not show.
    pub(crate) fn with_own(&self, catalog: &CatalogId, mut listed: Vec<RoleAssignment>) -> Vec<RoleAssignment> {
        let mut written = self.written();
        let Some(own) = written.get_mut(catalog) else {
            return listed;
        };
        own.retain(|(at, _)| self.clock.since(*at) < self.visibility);
        for (_, what) in own.iter() {
            match what {
                Written::Given(assignment) if !listed.iter().any(|one| one.id == assignment.id) => {
                    listed.push(assignment.clone());
                }
                Written::Given(_) => {}
                Written::Taken(id) => listed.retain(|one| one.id != *id),
            }
        }
        listed
    }
}
