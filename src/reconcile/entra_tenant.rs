//! EntraTenant: can we sign in, may we do what is needed, and is entitlement management there?
//!
//! There is nothing of ours in Entra behind it, so of the pipeline only the questions and the report remain.

use std::{collections::BTreeSet, time::Duration};

use kube::{Api, Client, ResourceExt};

use super::{
    Kind, Visited, admission,
    context::Context,
    halt::{Halt, Retry, Stage, Step},
    inventory::Freshness,
    subject::Subject,
    tenant::Tenant,
};
use crate::{
    api::{AccessPackage, AssignmentPolicy, EntraObject, EntraTenant, KindName, Management, Reason},
    cluster::{Cluster, Identity, Key},
    graph::{GraphError, GraphErrorKind, ObjectId},
    plan::{Problem, brake},
    report::Report,
};

const WRITE: &str = "EntitlementManagement.ReadWrite.All";
const READ: &str = "EntitlementManagement.Read.All";

impl Kind for EntraTenant {
    const TELLS_SILENCE: bool = true;

    fn api(client: &Client, _namespace: Option<&str>) -> Api<Self> {
        Api::all(client.clone())
    }

    async fn visit(context: &Context, subject: &mut Subject<Self>) -> Step<Visited> {
        subject.drift_interval = subject.object.spec.drift_interval();
        let tenant = context.connect(&subject.object).await?; // reads the Secret
        // It is said at once, and asked again when a probe is due.
        if let Some((left, error)) = tenant.away().filter(|(left, _)| !left.is_zero()) {
            return Err(gone(left, &error));
        }
        // What is granted in Entra shows in a fresh token only. One is fetched for whoever asks, and for each interval in
        // which something was missing: not for each visit, since the next may come in a second.
        let is_due = tenant
            .graph
            .token_age()
            .is_some_and(|age| age >= tenant.drift_interval.mul_f64(0.8));
        let lacks = tenant.graph.token_lacks_something() || !granted(&subject.status.permissions, tenant.management);
        let renews = subject.requested().is_some() || (is_due && lacks);
        if renews {
            tenant.graph.renew_token().map_err(|error| sign_in(&tenant, &error))?;
        }
        let claims = tenant
            .graph
            .token_claims()
            .await
            .map_err(|error| told(&tenant, sign_in(&tenant, &error)))?; // asks for a token
        subject.status.permissions.clone_from(&claims.roles);
        subject.status.permissions.sort();
        let granted = granted(&claims.roles, tenant.management);
        let probe = tenant
            .inventory
            // What another token has read proves nothing about this one, nor what was read while more was granted, nor
            // what was read before Graph went away.
            .catalogs(if renews || !granted || tenant.away().is_some() {
                Freshness::Now
            } else {
                tenant.freshness()
            })
            .await; // reads Graph
        let probe = probe.map(|catalogs| catalogs.elements.len() + catalogs.unreadable.len());
        // Who may read the whole tenant is shown every catalog, and has roles on none by that.
        let probe = match (&probe, &claims.object_id) {
            (Ok(_), Some(own)) if !granted && claims.roles.iter().any(|role| role == READ) => {
                match tenant.graph.count_written_by(&ObjectId::from(own.as_str())).await {
                    Ok(catalogs) => Ok(catalogs),
                    Err(error) if error.is_transient() => Err(error),
                    // Nobody tells.
                    Err(_) => probe,
                }
            }
            (_, _) => probe,
        }; // reads Graph
        let warning = admission::problem(&context.client, &context.settings.admission_policy).await; // reads Kubernetes
        if let (Some(problem), true) = (&warning, subject.object.spec.require_admission_policy) {
            let problem = problem.clone().at("spec.requireAdmissionPolicy");
            return Err(Halt::reference(problem).retried(Retry::Backoff));
        }
        let held = brake::held_back(context.cluster.held_back(&subject.object.name_any())); // pure
        let report =
            verdict(&tenant, granted, &subject.status.permissions, probe).map_err(|halt| told(&tenant, halt))?; // pure
        context.returns(&subject.object.name_any());
        Ok(Visited {
            report: Report {
                // Neither hides the other.
                warning: Problem::joined(&held.into_iter().chain(warning).collect::<Vec<_>>()),
                ..report
            },
            retry: Retry::OnChange,
        })
    }

    fn away(context: &Context, object: &Self) -> Option<Problem> {
        let (_, error) = context.known_tenant(&object.name_any())?.away()?;
        let what =
            format!("{error}; nothing is compared or written until it is back, and what is in force in Entra stays so");
        let problem = Problem::new(Reason::GraphUnavailable, what).remedy("see Microsoft's service health");
        Some(problem.traced(error.trace()))
    }

    async fn finalise(context: &Context, subject: &mut Subject<Self>) -> Step<()> {
        let name = subject.object.name_any();
        let tenant_id = subject.object.spec.tenant_id.clone();
        let dependants = dependants(context, &name, &tenant_id);
        if !dependants.is_empty() {
            let count = dependants.len();
            let some = dependants.into_iter().take(5).collect::<Vec<_>>().join(", ");
            return Err(Halt::sync(
                Reason::DependantsRemain,
                format!("{count} objects of this tenant still exist: {some}; the tenant goes when they are gone"),
                Retry::After(Duration::from_secs(10)),
            ));
        }
        context.forget_tenant(&name);
        Ok(())
    }
}

/// Whether the token holds what the mode needs.
fn granted(roles: &[String], management: Management) -> bool {
    let holds = |permission: &str| roles.iter().any(|role| role == permission);
    match management {
        Management::Full => holds(WRITE),
        Management::Observe => holds(WRITE) || holds(READ),
    }
}

fn verdict(tenant: &Tenant, granted: bool, roles: &[String], probe: Result<usize, GraphError>) -> Step<Report> {
    let needed = match tenant.management {
        Management::Full => WRITE,
        Management::Observe => READ,
    };
    match probe {
        Ok(_) if granted => {
            let permissions = format!("connected to tenant {} with {}", tenant.id, roles.join(", "));
            Ok(Report::ready(Reason::Connected, permissions))
        }
        // Without the permission, only catalogs show on which the application has a role.
        Ok(catalogs) if catalogs > 0 => Ok(Report::ready(
            Reason::ConnectedByCatalogRoles,
            format!(
                "connected to tenant {} by its roles on {}; creating catalogs and looking up names need application permissions",
                tenant.id,
                if catalogs == 1 {
                    "one catalog".to_owned()
                } else {
                    format!("{catalogs} catalogs")
                }
            ),
        )),
        Err(error) if is_away(&error) => Err(unreachable(&error)),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) if error.kind == GraphErrorKind::TokenRefused => {
            Err(waiting(Reason::TokenRefused, error.to_string()).traced(error.trace()))
        }
        // Neither a missing licence nor a missing permission looks like this.
        Err(error) if error.kind != GraphErrorKind::Forbidden => Err(error.into()),
        Err(error) if granted => Err(waiting(
            Reason::NotLicensed,
            format!(
                "the token holds {needed}, but entitlement management refuses us: {error}; check that tenant {} has a licence for Microsoft Entra ID P2 or Microsoft Entra ID Governance",
                tenant.id
            ),
        )
        .traced(error.trace())),
        Ok(_) | Err(_) => {
            let held = if roles.is_empty() {
                "none at all".to_owned()
            } else {
                format!("only {}", roles.join(", "))
            };
            Err(waiting(
                Reason::ConsentMissing,
                format!(
                    "the application lacks {needed}: its token holds {held}; add it to the app registration as an application permission and grant admin consent (Entra admin center, App registrations, API permissions), or give the application a role on the catalogs"
                ),
            ))
        }
    }
}

fn sign_in(tenant: &Tenant, error: &GraphError) -> Halt {
    match error.kind {
        GraphErrorKind::TokenRefused => {
            let message = error.message.trim_end_matches('.');
            let refuses = |code: &str| {
                let advice = advice(code, &tenant.id);
                format!("the token endpoint refuses the application ({code}): {message}; {advice}")
            };
            let words = match (&error.code, error.status) {
                (Some(code), _) => refuses(code),
                (None, Some(status)) => refuses(&format!("status {status}")),
                // What it gave is refused by us, or it was never asked.
                (None, None) => message.to_owned(),
            };
            waiting(Reason::TokenRefused, format!("spec.credentials: {words}"))
        }
        GraphErrorKind::Throttled | GraphErrorKind::ServiceUnavailable | GraphErrorKind::Timeout => {
            Halt::sync(Reason::GraphUnavailable, error.to_string(), Retry::Backoff).traced(error.trace())
        }
        // No token, and no refusal of one: nobody has answered.
        _ => unreachable(error),
    }
}

/// That Graph is away, until the next probe is due.
fn gone(left: Duration, error: &GraphError) -> Halt {
    let halt = if is_away(error) {
        unreachable(error)
    } else {
        Halt::sync(Reason::GraphUnavailable, error.to_string(), Retry::Backoff).traced(error.trace())
    };
    halt.retried(Retry::After(left.max(Duration::from_secs(1))))
}

/// What a visit has met: where it turns out that Graph is away, that is said, in the words that all have for it.
fn told(tenant: &Tenant, halt: Halt) -> Halt {
    match tenant.away() {
        Some((left, error)) if matches!(halt.problem.reason, Reason::Unreachable | Reason::GraphUnavailable) => {
            gone(left, &error)
        }
        Some(_) | None => halt,
    }
}

/// Whether nobody answers, as opposed to somebody who asks us to wait.
fn is_away(error: &GraphError) -> bool {
    matches!(
        error.kind,
        GraphErrorKind::Unreachable | GraphErrorKind::AuthorityUnreachable
    )
}

/// What to do about the codes that people meet most.
fn advice(code: &str, tenant_id: &str) -> String {
    match code {
        "AADSTS7000215" => "put the secret's value, not its id, into the Secret".into(),
        "AADSTS7000222" => "the secret has expired: create a new one and put its value into the Secret".into(),
        "AADSTS700016" => format!("correct clientId, or register the application in tenant {tenant_id}"),
        "AADSTS90002" => {
            "tenantId or cloud is wrong, and neither can be changed: delete this EntraTenant and create it again".into()
        }
        "AADSTS700027" => "upload the certificate to the app registration, or correct the Secret".into(),
        "AADSTS70021" | "AADSTS700213" | "AADSTS700211" | "AADSTS700212" => {
            "correct the federated credential: issuer, subject and audience must be those of the operator's service account".into()
        }
        _ => "correct the credentials".into(), // codes that no advice was written for
    }
}

fn unreachable(error: &GraphError) -> Halt {
    waiting(
        Reason::Unreachable,
        format!(
            "{}; check the network and the proxy settings of the operator",
            error.to_string().trim_end_matches('.')
        ),
    )
    .traced(error.trace())
}

fn waiting(reason: Reason, message: String) -> Halt {
    Halt {
        problem: Problem::new(reason, message),
        stage: Stage::Sync,
        retry: Retry::Backoff,
    }
}

/// The objects that cannot go without this EntraTenant. What cannot be read is there too.
fn dependants(context: &Context, name: &str, tenant_id: &str) -> Vec<String> {
    let cluster = &context.cluster;
    let mut titles = BTreeSet::new();
    for catalog in &cluster.catalogs_of_tenant(name) {
        titles.insert((KindName::Catalog, catalog.title()));
        let packages = cluster.packages_of_catalog(&catalog.name_any());
        titles.extend(
            packages
                .iter()
                .map(|package| (KindName::AccessPackage, package.title())),
        );
    }
    let organizations = cluster.organizations_of_tenant(name);
    titles.extend(
        organizations
            .iter()
            .map(|organization| (KindName::ConnectedOrganization, organization.title())),
    );
    for Key { kind, place } in cluster.of_entra_tenant(tenant_id) {
        let namespace = place.namespace.as_deref();
        let found = match kind {
            // It is in no tenant.
            KindName::EntraTenant => None,
            // These go by the EntraTenant that they name.
            KindName::Catalog | KindName::ConnectedOrganization => None,
            KindName::AccessPackage => cluster
                .get::<AccessPackage>(namespace, &place.name)
                .map(|package| (package.title(), package.identity())),
            KindName::AssignmentPolicy => cluster
                .get::<AssignmentPolicy>(namespace, &place.name)
                .map(|policy| (policy.title(), policy.identity())),
        };
        if let Some((title, Identity::Known(entra))) = found
            && needs(cluster, name, &entra)
        {
            titles.insert((kind, title));
        }
    }
    titles.into_iter().map(|(_, title)| title).collect()
}

/// Whether what stands for `entra` goes by the EntraTenant `name`: by the one that its Catalog names, and by any that reaches
/// the tenant where the Catalog is gone.
fn needs(cluster: &Cluster, name: &str, entra: &EntraObject) -> bool {
    let catalogs = cluster.catalogs_of_entra(entra);
    if catalogs.is_empty() {
        let others = cluster.tenants_reaching(&entra.tenant_id);
        return !others.iter().any(|other| other.name_any() != name && !other.is_going());
    }
    catalogs
        .iter()
        // One that cannot be told to name another may name this.
        .any(|catalog| catalog.parent_name().is_none_or(|tenant| tenant == name))
}
