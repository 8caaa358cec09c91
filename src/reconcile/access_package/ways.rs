//! By what a package is limited: every way into it, in the cluster and in Entra.

use kube::ResourceExt;

use super::{
    super::{
        Becomes,
        identity::{Place, Site},
        inventory::Freshness,
        subject::Subject,
    },
    PackageReferences,
};
use crate::{
    api::{AccessPackage, AssignmentPolicy, EntraStatus as _, Grant, ResourceRole, UnmanagedPolicy},
    cluster::{Identity, Lookup},
    graph::{self, Assignment, CatalogId, Listed},
    layer::{Layer, is_out},
    plan::{
        Base, Found, Problem, desire,
        limits::{self, Beyond, CameBy, Judged, RoleAt, Way},
    },
};

/// What forbids that anything of the package is widened. Limits are judged on what the spec asks for and on what Entra has
/// together: every role with every way in, whoever made it, and what is about to be written beside this.
pub(super) fn limit_of(
    subject: &Subject<AccessPackage>,
    references: &PackageReferences,
    observed: &Found<Box<graph::AccessPackage>>,
    becomes: Option<Becomes>,
    holders: Option<&Listed<Assignment>>,
) -> Option<Problem> {
    let spec = &subject.object.spec;
    if let Some(full) = &references.quota {
        return Some(full.clone());
    }
    // What people were asked when they came in is not told any more, and hands nothing out.
    let asks_holders = |grant: &Grant| {
        let mut grant = grant.clone();
        grant.limits.must_ask.clear();
        grant
    };
    let of_holders: Vec<Grant> = holders
        .iter()
        .flat_map(|_| references.grants.iter().map(asks_holders))
        .collect();
    let of_all = if holders.is_some() {
        &of_holders
    } else {
        &references.grants
    };
    let grants: Vec<&Grant> = of_all.iter().collect();
    if let Err(problem) = limits::check_package(spec, &grants) {
        return Some(problem);
    }
    let (catalog, status) = (&references.catalog.spec, references.catalog.status.as_ref());
    let known = |role: &&ResourceRole| catalog.resources.iter().any(|known| known.name == role.resource);
    let asked = spec.resource_roles.iter().enumerate();
    // What the Catalog does not know is told as that.
    let mut roles: Vec<RoleAt> = asked
        .filter(|(index, role)| known(role) && desire::role(&references.catalog, role, *index).is_ok())
        .map(|(index, role)| RoleAt::of_spec(index, role, status))
        .collect();
    let mut ways: Vec<Way> = references.policies.iter().filter_map(way_of_object).collect();
    if let Found::Present(package) = observed {
        let takes_over = becomes == Some(Becomes::TakenOver);
        let mut there = RoleAt::all_of_entra(&package.resource_role_scopes, status);
        let beyond = Beyond {
            shown: &package.resource_role_scopes,
            asked: &roles,
            // What was applied to a former object is none of another's.
            base: match becomes {
                Some(_) => Base::none(),
                None => Base::of(subject.status.applied()),
            },
            is_made_here: becomes == Some(Becomes::Recognised),
            tells_sites: references.tenant.graph.tells_site_roles(),
        };
        there.extend(RoleAt::beyond_reads(beyond, catalog, status));
        // Entra lists them in no order; words that change say nothing new.
        there.sort_by(|one, other| one.words.cmp(&other.words));
        let mut open = ways_in(package, &references.policies);
        if is_out(Layer::RolesInEntra) {
            there.clear();
        }
        if is_out(Layer::WaysInEntra) {
            open.clear();
        }
        if takes_over && !is_out(Layer::Takeover) {
            let field = if spec.id.is_some() { "spec.id" } else { "spec.adoption" };
            if let Err(problem) = limits::admits_takeover(field, &grants, catalog, &there, &open, subject.now) {
                return Some(problem);
            }
        }
        roles.extend(there);
        ways.extend(open);
        ways.extend(references.tenant.coming.ways(package.id.as_str(), &subject.uid()));
        // A role that is added goes to them as well.
        let holders = holders.filter(|_| !is_out(Layer::Holders));
        ways.extend(
            holders
                .into_iter()
                .flat_map(|holders| ways_of_holders(holders, &references.policies)),
        );
    }
    limits::admits(&grants, catalog, &roles, &ways, subject.now).err()
}

/// Every way by which Entra lets somebody in; what cannot be read may be one.
pub(super) fn ways_in(package: &graph::AccessPackage, policies: &[Lookup<AssignmentPolicy>]) -> Vec<Way> {
    let Some(listed) = package.policies.known() else {
        return vec![Way {
            who: Some("the policies of the package".into()),
            terms: Judged::Unjudgeable("Entra has not told them".into()),
        }];
    };
    let managed_by = |id: &str| {
        let holds = |policy: &&Lookup<AssignmentPolicy>| match policy.identity() {
            Identity::Known(entra) => entra.id.eq_ignore_ascii_case(id),
            Identity::None | Identity::Unclear => false,
        };
        policies.iter().find(holds).map(Lookup::title)
    };
    let readable = listed
        .elements
        .iter()
        .map(|policy| Way::of_entra(policy, managed_by(policy.id.as_str()).as_deref()));
    let mut ways: Vec<Way> = readable
        .chain(listed.unreadable.iter().map(Way::of_unreadable))
        .collect();
    // As for roles: in an order of ours.
    ways.sort_by(|one, other| one.who.cmp(&other.who));
    ways
}

/// By what those came in who hold the package.
fn ways_of_holders(holders: &Listed<Assignment>, policies: &[Lookup<AssignmentPolicy>]) -> Vec<Way> {
    limits::of_holders(holders, |id| {
        let is_it = |policy: &&Lookup<AssignmentPolicy>| match policy.own_identity() {
            Identity::Known(entra) => entra.id.eq_ignore_ascii_case(id),
            Identity::None | Identity::Unclear => false,
        };
        let Some(policy) = policies.iter().find(is_it) else {
            let why = "no AssignmentPolicy of this package manages it, so what it let people do is not known";
            return (format!("policy {id} in Entra"), CameBy::Unknown(why));
        };
        let so_far = policy
            .readable()
            .and_then(|policy| policy.status.as_ref())
            .and_then(|status| status.ways_so_far.clone());
        let came_by = match so_far {
            Some(ways) => CameBy::Ways(ways),
            None => {
                CameBy::Unknown("it was taken over, or cannot be read, so what it let people do before is not known")
            }
        };
        (policy.title(), came_by)
    })
}

/// The way in that an object stands for: one that is in force as its spec wants it, and one that cannot be read, whatever it
/// wants.
pub(super) fn way_of_object(policy: &Lookup<AssignmentPolicy>) -> Option<Way> {
    match policy.read() {
        Ok(policy) => is_in_force(policy).then(|| {
            let pins = policy.status.as_ref().map_or(&[][..], |status| &status.resolved);
            Way::of_object(&policy.name_any(), &policy.spec, pins)
        }),
        Err(unreadable) => Some(Way::of_unreadable_object(&policy.place().name, &unreadable.error)),
    }
}

/// Whether the policy is in Entra, or may be, so that people may already use it.
pub(super) fn is_in_force(policy: &AssignmentPolicy) -> bool {
    policy
        .status
        .as_ref()
        .is_some_and(|status| status.identity.entra.is_some() || status.identity.intent.is_some())
}

/// Whether an AssignmentPolicy of the package stands for this policy.
pub(super) fn is_managed(id: &str, policies: &[Lookup<AssignmentPolicy>]) -> bool {
    policies.iter().any(|policy| match policy.own_identity() {
        Identity::Known(entra) => entra.id.eq_ignore_ascii_case(id),
        Identity::None | Identity::Unclear => false,
    })
}

/// The package's policies that no AssignmentPolicy claims.
pub(super) fn unmanaged(
    seen: &Listed<graph::AssignmentPolicy>,
    policies: &[Lookup<AssignmentPolicy>],
) -> Vec<UnmanagedPolicy> {
    let claims = |id: &str| {
        policies.iter().any(|policy| {
            let is_it = |own: &str| own.eq_ignore_ascii_case(id);
            let by_status = match policy.identity() {
                Identity::Known(entra) => is_it(&entra.id),
                Identity::None => false,
                // It may be the one.
                Identity::Unclear => true,
            };
            let named = policy.readable().and_then(|policy| policy.spec.id.as_deref());
            // One that is being created may show before its id is stored.
            by_status || policy.is_begun() || named.is_some_and(is_it)
        })
    };
    let readable = seen
        .elements
        .iter()
        .map(|policy| (policy.id.to_string(), policy.fields.display_name.clone()));
    let unreadable = seen.unreadable.iter().filter_map(|policy| {
        let name = policy.display_name.clone();
        Some((policy.id.clone()?, name.unwrap_or_default())) // no Catalog has this name
    });
    let mut unmanaged: Vec<UnmanagedPolicy> = readable
        .chain(unreadable)
        .filter(|(id, _)| !claims(id))
        .map(|(id, display_name)| UnmanagedPolicy { id, display_name })
        .collect();
    unmanaged.sort_by(|one, other| one.id.cmp(&other.id));
    unmanaged
}

/// Lets each policy of the package tell what it asks: lists may leave that out. What is not told stays unread, which satisfies no
/// grant that demands a question.
pub(super) async fn tell_questions(site: &Site, package: &mut graph::AccessPackage) {
    let Place {
        catalog_id,
        parent_id: _,
        parent: _,
    } = &site.place;
    let catalog = CatalogId::from(catalog_id.as_str());
    let id = package.id.clone();
    for policy in package
        .policies
        .known_mut()
        .into_iter()
        .flat_map(|listed| &mut listed.elements)
    {
        if policy.fields.questions.known().is_some() {
            continue;
        }
        let inventory = &site.tenant.inventory;
        let read = inventory.policy(&catalog, &id, &policy.id, Freshness::Now).await;
        if let Ok(Found::Present(read)) = read {
            policy.fields.questions = read.fields.questions;
        }
    }
}
