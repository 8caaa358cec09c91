//! What the resources of a spec are in the directory.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};

use super::{
    super::{
        directory::Memory,
        halt::{Halt, Retry, Step},
        subject::Subject,
        tenant::Tenant,
    },
    SIDE_BY_SIDE,
};
use crate::{
    api::{
        Catalog, CatalogResource, DirectoryRoleRef, Management, Permission, PinnedReference, Reason, ResourceStatus,
    },
    graph::{GroupKey, NewResource, OriginSystem, SiteKey},
    plan::{
        Problem,
        bindings::{self, DirectoryKey, DirectoryObject, application_key, group_key, site_key},
        desire::attributes,
        limits,
        resources::{ResolvedResource, is_site},
        roles::AppRoles,
        sites::{no_site, same_origin},
    },
};

/// The resources of a spec, as far as they could be resolved.
pub(crate) struct ResolvedResources {
    /// One for each entry of the spec, in its order.
    pub(crate) resources: Vec<Result<ResolvedResource, Problem>>,
    /// What to remember of their names; each reference once.
    pub(crate) pins: Vec<PinnedReference>,
    pub(crate) warning: Option<Problem>,
    /// When to come back for what could not be resolved.
    pub(crate) retry: Option<Retry>,
}

/// What the resources of the spec are in the directory; they are looked up side by side.
///
/// Ends early only where waiting alone can mend it.
pub(crate) async fn resolve_resources(tenant: &Tenant, subject: &Subject<Catalog>) -> Step<ResolvedResources> {
    let pins = PinnedReference::map(&subject.status.resolved);
    let known = Known {
        pins: &pins,
        status: &subject.status.resources,
        asked_for: subject.requested().is_some(),
        management: subject.object.spec.management,
    };
    let numbered = subject.object.spec.resources.iter().enumerate();
    let asks: Vec<_> = numbered
        .map(|(index, resource)| resolve(tenant, index, resource, &known))
        .collect();
    let answers: Vec<Step<Resolved>> = stream::iter(asks).buffered(SIDE_BY_SIDE).collect().await;
    let mut resolved = ResolvedResources {
        resources: Vec::new(),
        pins: Vec::new(),
        warning: None,
        retry: None,
    };
    for answer in answers {
        let one = match answer {
            Err(halt) if halt.is_transient() => return Err(halt),
            Err(halt) => {
                resolved.retry = Some(resolved.retry.map_or(halt.retry, |other| sooner(other, halt.retry)));
                Err(halt.problem)
            }
            Ok(one) => {
                bindings::remember(&mut resolved.pins, one.pin);
                resolved.warning = resolved.warning.or(one.warning);
                if let Some((_, retry)) = &one.outcome.as_ref().err() {
                    resolved.retry = Some(resolved.retry.map_or(*retry, |other| sooner(other, *retry)));
                }
                one.outcome.map_err(|(problem, _)| problem)
            }
        };
        resolved.resources.push(one);
    }
    Ok(resolved)
}

pub(super) fn sooner(one: Retry, other: Retry) -> Retry {
    match (one, other) {
        // Nothing is answered before.
        (Retry::Asked(one), Retry::Asked(other)) => Retry::Asked(one.max(other)),
        (Retry::Asked(wait), _) | (_, Retry::Asked(wait)) => Retry::Asked(wait),
        (Retry::Within(one), Retry::Within(other) | Retry::After(other))
        | (Retry::After(other), Retry::Within(one)) => Retry::Within(one.min(other)),
        (Retry::Within(longest), _) | (_, Retry::Within(longest)) => Retry::Within(longest),
        (Retry::Backoff, _) | (_, Retry::Backoff) => Retry::Backoff,
        (Retry::After(one), Retry::After(other)) => Retry::After(one.min(other)),
        (Retry::After(after), Retry::OnChange | Retry::OnReturn)
        | (Retry::OnChange | Retry::OnReturn, Retry::After(after)) => Retry::After(after),
        (Retry::OnReturn, Retry::OnChange | Retry::OnReturn) | (Retry::OnChange, Retry::OnReturn) => Retry::OnReturn,
        (Retry::OnChange, Retry::OnChange) => Retry::OnChange,
    }
}

/// What the object knows already.
pub(super) struct Known<'a> {
    pins: &'a BTreeMap<String, String>,
    status: &'a [ResourceStatus],
    asked_for: bool,
    management: Management,
}

/// A resource whose name is bound, whether or not it may be one of a catalog.
pub(super) struct Resolved {
    pin: Option<PinnedReference>,
    warning: Option<Problem>,
    outcome: Result<ResolvedResource, (Problem, Retry)>,
}

pub(super) async fn resolve(
    tenant: &Tenant,
    index: usize,
    spec: &CatalogResource,
    known: &Known<'_>,
) -> Step<Resolved> {
    let (path, origin_system, key) = match named(index, spec)? {
        Named::InTheDirectory(path, system, key) => (path, system, key),
        Named::Known(system, id) => {
            asks_well(index, spec).map_err(Halt::reference)?;
            return Ok(Resolved::known(index, spec, system, id));
        }
    };
    let before = known.status.iter().find(|status| {
        status.name == spec.name && status.id.is_some() && status.origin_system == origin_system.as_str()
    });
    asks_well(index, spec).map_err(Halt::reference)?;
    let mut pins = known.pins.clone();
    if let DirectoryKey::Site(SiteKey::Url(url)) = &key {
        if let Some((kind, site)) = no_site(url) {
            let what = format!("{url:?} is {} and not of a site", kind.words());
            let problem = Problem::new(Reason::ReferenceNotFound, what).at(&path).remedy(format!(
                "the site is probably {site}: what an entry points at cannot change, so remove this entry and add the \
                 site under another name"
            ));
            return Err(Halt::reference(problem));
        }
        // Bound before addresses were looked up.
        if let Some(before) = before.filter(|before| same_origin(&before.origin_id, url)) {
            pins.entry(key.to_string()).or_insert_with(|| before.origin_id.clone());
        }
    }
    let offered = spec.offered_roles();
    let is_offered_before =
        |name: &String| before.is_some_and(|status| status.roles.iter().any(|role| role.name == *name));
    // A role that is not bound yet may be newer than what is remembered of its application.
    let is_application = origin_system == OriginSystem::AadApplication;
    let memory = Memory {
        pins: &pins,
        asked_for: known.asked_for,
        wants_news: is_application && !offered.iter().all(is_offered_before),
    };
    let bound = tenant.directory.bind(&path, &key, memory).await?;
    let mut warning = bound.moved;
    let mut object = bound.object;
    if let DirectoryKey::Group(GroupKey::Id(_)) = &key {
        match tenant.directory.examine(&path, &key, memory).await {
            Ok(Ok(group)) => object = Some(group),
            Ok(Err(why)) => {
                // What status does not know is about to be brought in.
                let is_ours = known.management == Management::Full && before.is_none_or(|before| before.added);
                warning = warning.or_else(|| is_ours.then(|| unexamined(&path, why)));
            }
            // What is in the catalog already is not held up by an outage.
            Err(halt) if halt.is_transient() && before.is_some() => {}
            Err(halt) => return Err(halt),
        }
    }
    let unsuitable = object.as_ref().and_then(|object| object.unsuitable);
    if let Some(why) = unsuitable.filter(|why| why.matters(&offered, allows_role_assignable(spec))) {
        let what = format!("the group {} {}", bound.id, why.words());
        let problem = Problem::new(Reason::ResourceUnsuitable, what).at(&path);
        return Ok(Resolved {
            pin: bound.pin,
            warning,
            outcome: Err((problem, Retry::Backoff)),
        });
    }
    let app_roles = match (&object, is_application) {
        (Some(DirectoryObject { app_roles, .. }), true) => AppRoles::Read(app_roles.clone()),
        (None, true) => tenant.directory.app_roles(&path, &bound.id, memory).await?,
        (Some(_) | None, false) => AppRoles::Read(Vec::new()),
    };
    let is_seen = object.is_some() || bound.pin.is_some();
    let resource = NewResource {
        display_name: object.map(|object| object.display_name).filter(|name| !name.is_empty()),
        description: is_site(&origin_system).then(|| bound.id.clone()),
        origin_system,
        origin_id: bound.id,
        environment: spec.environment.clone(),
    };
    Ok(Resolved {
        pin: bound.pin,
        warning,
        outcome: Ok(ResolvedResource {
            index,
            name: spec.name.clone(),
            resource,
            offered,
            app_roles,
            is_seen,
            attributes: attributes(spec),
        }),
    })
}

impl Resolved {
    /// A resource that nobody has to be asked for: that it exists, entitlement management says when it is brought in.
    fn known(index: usize, spec: &CatalogResource, origin_system: OriginSystem, origin_id: String) -> Self {
        Self {
            pin: None,
            warning: None,
            outcome: Ok(ResolvedResource {
                index,
                name: spec.name.clone(),
                resource: NewResource {
                    display_name: None,
                    description: None,
                    origin_system,
                    origin_id,
                    environment: None,
                },
                offered: spec.offered_roles(),
                app_roles: AppRoles::Read(Vec::new()),
                is_seen: false,
                attributes: attributes(spec),
            }),
        }
    }
}

/// What a resource of the spec points at.
enum Named {
    /// The field that names it, the system that it is of, and the key by which it is looked up.
    InTheDirectory(String, OriginSystem, DirectoryKey),
    /// The system that it is of, and its id there.
    Known(OriginSystem, String),
}

fn named(index: usize, spec: &CatalogResource) -> Step<Named> {
    let path = format!("spec.resources[{index}]");
    let invalid = |field: String, what: &str| Halt::reference(Problem::new(Reason::InvalidSpec, what).at(field));
    let CatalogResource {
        group,
        application,
        share_point_site,
        directory_role,
        name: _,
        roles: _,
        role_assignable: _,
        attributes: _,
        environment: _,
    } = spec;
    let (field, system, key) = match (group, application, share_point_site, directory_role) {
        (Some(group), None, None, None) => ("group", OriginSystem::AadGroup, group_key(group)),
        (None, Some(application), None, None) => (
            "application",
            OriginSystem::AadApplication,
            application_key(application),
        ),
        (None, None, Some(site), None) => ("sharePointSite", OriginSystem::SharePointOnline, site_key(site)),
        (None, None, None, Some(DirectoryRoleRef { role_template_id })) => {
            return Ok(Named::Known(
                OriginSystem::DirectoryRole,
                role_template_id.to_lowercase(),
            ));
        }
        (None, None, None, None)
        | (Some(_), Some(_), _, _)
        | (Some(_), _, Some(_), _)
        | (Some(_), _, _, Some(_))
        | (_, Some(_), Some(_), _)
        | (_, Some(_), _, Some(_))
        | (_, _, Some(_), Some(_)) => {
            return Err(invalid(
                path,
                "a resource is exactly one of group, application, sharePointSite, directoryRole",
            ));
        }
    };
    let path = format!("{path}.{field}");
    match key {
        Some(key) => Ok(Named::InTheDirectory(path, system, key)),
        None => Err(invalid(path, "exactly one way to name it is needed")),
    }
}

/// Whether what requestors are to be asked for the sake of the resource makes sense, and the rest goes with it: definitions without
/// CEL rules let it pass.
fn asks_well(index: usize, spec: &CatalogResource) -> Result<(), Problem> {
    let field = format!("spec.resources[{index}]");
    let invalid =
        |field: String, what: &str| Err(Problem::new(Reason::InvalidSpec, what).at(field).remedy("remove it"));
    if spec.application.is_none() && spec.share_point_site.is_none() && !spec.attributes.is_empty() {
        return invalid(
            format!("{field}.attributes"),
            "requestors are asked for attributes of applications and sites only",
        );
    }
    if spec.environment.is_some() && spec.share_point_site.is_none() {
        return invalid(
            format!("{field}.environment"),
            "only SharePoint sites are in an environment",
        );
    }
    let mut names = std::collections::BTreeSet::new();
    for (index, attribute) in spec.attributes.iter().enumerate() {
        let field = format!("{field}.attributes[{index}]");
        if attribute.name.trim().is_empty() || !names.insert(attribute.name.to_lowercase()) {
            return invalid(format!("{field}.name"), "it is empty, or there twice");
        }
        limits::well_asked(&format!("{field}.question"), &attribute.as_question())?;
    }
    Ok(())
}

/// Whether the Catalog says that this group may be one that can hold directory roles.
pub(super) fn allows_role_assignable(spec: &CatalogResource) -> bool {
    match spec.role_assignable {
        Permission::Allowed => true,
        Permission::Denied => false,
    }
}

pub(super) fn unexamined(path: &str, why: Problem) -> Problem {
    Problem {
        field: Some(path.into()),
        what: format!(
            "whether the group can hold directory roles cannot be read: {}",
            why.what
        ),
        remedy: Some("grant the application permission GroupMember.Read.All, or see to it that it cannot".into()),
        ..why
    }
}
