//! The connected organizations of a tenant.

use std::time::Duration;

use super::super::halt::Step;
use super::{
    Freshness, Inventory, Question,
    absence::{Missing, certain, read},
    lock,
};
use crate::{
    graph::{ConnectedOrganization, GraphError, GraphErrorKind, Listed, ObjectId},
    plan::{
        Found,
        view::{Moment, Search, is_search_over},
    },
};

impl Inventory {
    /// The tenant's connected organizations, those that Entra made by itself among them.
    pub(crate) async fn organizations(
        &self,
        freshness: Freshness,
    ) -> Result<Listed<ConnectedOrganization>, GraphError> {
        self.0.ask(Question::Organizations, freshness).await?;
        let known = lock(&self.0.organizations).all();
        read(known, "connectedOrganizations.list")
    }

    /// One connected organization.
    ///
    /// # Errors
    /// [`crate::api::Reason::NeedsTenantPermission`] where we may not see them, [`crate::api::Reason::OutcomeUnknown`] where
    /// its absence is not proven.
    pub(crate) async fn organization(&self, id: &ObjectId, freshness: Freshness) -> Step<Found<ConnectedOrganization>> {
        let inner = &self.0;
        if let Freshness::Within(_) = freshness {
            inner.ask(Question::Organizations, freshness).await?;
            if let Some(organization) = lock(&inner.organizations).get(id.as_str()).cloned() {
                return Ok(Found::Present(organization));
            }
        }
        let what = format!("connected organization {id}");
        let begun = inner.now();
        let refusal = match inner.reads.organization(id).await {
            Ok(Some(organization)) => return certain(&what, lock(&inner.organizations).show(begun, organization)),
            Ok(None) => None,
            // Nobody is shown some of them only: to whoever may list them, one that is refused may be one that is gone.
            Err(error) if error.kind == GraphErrorKind::Forbidden => {
                if inner.ask(Question::Organizations, Freshness::Now).await.is_err() {
                    return Err(error.into());
                }
                Some(error)
            }
            Err(error) => return Err(error.into()),
        };
        lock(&inner.organizations).miss(id.as_str(), begun, refusal.is_some());
        let absence = || lock(&inner.organizations).absence(id.as_str(), inner.now());
        let missing = Missing {
            what,
            id: id.as_str(),
            refusal,
        };
        inner.absent(missing, Question::Organizations, absence).await
    }

    /// The connected organizations of this name, for an intent that was begun this long ago.
    pub(crate) async fn search_organizations(
        &self,
        name: &str,
        begun_ago: Duration,
    ) -> Step<Search<ConnectedOrganization>> {
        let begun = self.0.now();
        let read = self.0.reads.organizations_named(name).await?;
        Ok(Search {
            named: lock(&self.0.organizations).without_removed(begun, read),
            is_over: is_search_over(begun_ago, self.0.visibility),
        })
    }

    /// Lets the view follow a write of ours to the organization, its sponsors included.
    pub(crate) fn remember_organization(&self, organization: &ConnectedOrganization) {
        lock(&self.0.organizations).wrote(self.0.now(), organization.clone());
    }

    /// A connected organization that we have just made.
    pub(crate) fn organization_born(&self, organization: &ConnectedOrganization) {
        lock(&self.0.organizations).made(self.0.now(), organization.clone());
    }

    /// One whose deletion, begun then, was answered with 404: one such answer as any.
    pub(crate) fn organization_missed(&self, id: &ObjectId, begun: Moment) {
        lock(&self.0.organizations).miss(id.as_str(), begun, false);
    }

    /// One that we have deleted.
    pub(crate) fn organization_gone(&self, id: &ObjectId) {
        lock(&self.0.organizations).removed(self.0.now(), id.as_str());
    }
}
