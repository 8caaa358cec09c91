//! The policies of a package.

use std::time::Duration;

use super::super::halt::Step;
use super::{
    Freshness, INFANCY, Inventory, Question,
    absence::{Missing, boxed, certain, doubtful, read},
};
use crate::{
    graph::{AccessPackageId, AssignmentPolicy, CatalogId, GraphErrorKind, Listed, PolicyId},
    plan::{
        Found,
        view::{Moment, Search, is_search_over},
    },
};

impl Inventory {
    /// One policy of a package. `Elsewhere` where it has come to another package.
    ///
    /// A policy that is read now has its questions and workflow extensions too; one from the list has them only where
    /// they were read before.
    ///
    /// # Errors
    /// As [`Inventory::package`].
    pub(crate) async fn policy(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
        id: &PolicyId,
        freshness: Freshness,
    ) -> Step<Found<Box<AssignmentPolicy>>> {
        let inner = &self.0;
        if inner.is_removed(catalog) {
            return Ok(Found::Gone { id: id.to_string() });
        }
        if let Freshness::Within(_) = freshness {
            self.list_packages(catalog, freshness).await?;
            // A list that lacks the package tells nothing of what was in it.
            let known = inner.holdings(catalog, |holdings| {
                holdings.package(package)?;
                holdings.policy(package, id).cloned()
            });
            if let Some(policy) = known {
                return Ok(Found::Present(Box::new(policy)));
            }
        }
        let what = format!("assignment policy {id}");
        let begun = inner.now();
        let refusal = match inner.reads.policy(id).await {
            Ok(Some(policy)) => {
                let sight = inner.holdings(catalog, |holdings| holdings.policy_shown(package, begun, policy));
                return certain(&what, sight).map(boxed);
            }
            Ok(None) => None,
            Err(error) if error.kind == GraphErrorKind::Forbidden => Some(error),
            Err(error) => return Err(error.into()),
        };
        let is_refused = refusal.is_some();
        inner.holdings(catalog, |holdings| {
            holdings.policy_missed(package, id, begun, is_refused);
        });
        let absence = || inner.holdings(catalog, |holdings| holdings.policy_absence(package, id, inner.now()));
        let missing = Missing {
            what,
            id: id.as_str(),
            refusal,
        };
        // The catalog's list serves: it is there for a caller with a role on the catalog, and where the package is gone.
        let question = Question::Packages(catalog.clone());
        let found = inner.absent(missing, question, || {
            inner.holdings(catalog, |holdings| holdings.package_went(package));
            absence()
        });
        self.gone_with(catalog, id.as_str(), found.await).await
    }

    /// The policies of a package, asked for now; no call where the package was made by us just now.
    ///
    /// # Errors
    /// [`Reason::OutcomeUnknown`] where Graph does not show the package.
    pub(crate) async fn policies(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
    ) -> Step<Listed<AssignmentPolicy>> {
        let now = self.0.now();
        let born = self.0.holdings(catalog, |holdings| holdings.package_birth(package));
        // What we did not make just now has to be asked for.
        if born.is_none_or(|born| now >= born + INFANCY) {
            self.list_policies(catalog, package).await?;
        }
        let known = self.0.holdings(catalog, |holdings| holdings.policies(package));
        Ok(read(known, "assignmentPolicies.list")?)
    }

    pub(super) async fn list_policies(&self, catalog: &CatalogId, package: &AccessPackageId) -> Step<()> {
        let question = Question::Policies(catalog.clone(), package.clone());
        match self.0.ask(question, Freshness::Now).await {
            Ok(()) => Ok(()),
            Err(error) if error.kind == GraphErrorKind::NotFound => Err(doubtful(
                &format!("access package {package}"),
                "it was answered as not there while its policies were asked for",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// The policies of this name, for an intent that was begun this long ago: always asked of Graph. Policies that
    /// cannot be read are among them.
    pub(crate) async fn search_policies(
        &self,
        catalog: &CatalogId,
        package: &AccessPackageId,
        name: &str,
        begun_ago: Duration,
    ) -> Step<Search<AssignmentPolicy>> {
        let is_over = is_search_over(begun_ago, self.0.visibility);
        if let Err(halt) = self.list_policies(catalog, package).await {
            if halt.is_transient() {
                return Err(halt);
            }
            // A package that is gone has no policies; to a caller with a catalog role it is forbidden.
            return match self.package(catalog, package, Freshness::Now).await {
                Ok(Found::Gone { .. }) => Ok(Search {
                    named: Listed::default(),
                    is_over,
                }),
                Ok(Found::Present(_) | Found::Unborn | Found::Elsewhere { .. }) | Err(_) => Err(halt),
            };
        }
        let known = self.0.holdings(catalog, |holdings| holdings.policies(package));
        let Listed {
            mut elements,
            mut unreadable,
        } = read(known, "assignmentPolicies.list")?;
        elements.retain(|policy| policy.fields.display_name == name);
        // One whose name is not known may have this name.
        unreadable.retain(|hidden| hidden.display_name.as_deref().is_none_or(|own| own == name));
        Ok(Search {
            named: Listed { elements, unreadable },
            is_over,
        })
    }

    /// A policy that we have just made.
    pub(crate) fn policy_born(&self, catalog: &CatalogId, package: &AccessPackageId, policy: AssignmentPolicy) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.policy_made(now, package, policy));
    }

    /// Lets the view follow a PUT of ours: the policy as it stands now.
    pub(crate) fn policy_changed(&self, catalog: &CatalogId, package: &AccessPackageId, policy: AssignmentPolicy) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.policy_wrote(now, package, policy));
    }

    /// A policy whose deletion, begun then, was answered with 404: one such answer as any.
    pub(crate) fn policy_missed(&self, catalog: &CatalogId, package: &AccessPackageId, id: &PolicyId, begun: Moment) {
        self.0
            .holdings(catalog, |holdings| holdings.policy_missed(package, id, begun, false));
    }

    /// A policy that we have deleted.
    pub(crate) fn policy_gone(&self, catalog: &CatalogId, package: &AccessPackageId, id: &PolicyId) {
        let now = self.0.now();
        self.0
            .holdings(catalog, |holdings| holdings.policy_removed(now, package, id));
    }
}
