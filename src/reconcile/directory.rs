//! Names in the directory: looked up once, then bound.
//!
//! What a name resolved to is pinned in status and stays what is meant, whatever happens to the name. From time to time
//! the name is looked up again, only to tell when it has moved. An answer that binds nothing is remembered for all
//! objects that name the same: nobody asks again before it is due.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared},
    stream,
};
use tokio::time::Instant;

use super::{
    halt::{Halt, Retry, Stage, Step},
    outlook::Asks,
};
use crate::{
    api::Reason,
    clock::Clock,
    graph::{
        Graph, GraphError, GraphErrorKind, GroupKey, Identified, ObjectId, ObjectKind, OrganizationKey,
        ServicePrincipalKey, SiteKey, UserKey,
    },
    plan::{
        Problem,
        bindings::{
            Answer, Bound, DirectoryKey, DirectoryObject, ExtensionKey, ExtensionName, Mistake, Unsuitable, believed,
            decide, missing,
        },
        outlook::{Standing, Who},
        roles::AppRoles,
        sites,
    },
};

/// How many look-ups of one object go on side by side.
const SIDE_BY_SIDE: usize = 8;
/// For so long an answer serves all who want to bind the same name at once.
const MOMENT: Duration = Duration::from_secs(1);

/// What an object knows of its references already.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a> {
    /// What its status has pinned, by reference.
    pub(crate) pins: &'a BTreeMap<String, String>,
    /// The visit was asked for: what could not be bound is looked up now, due or not.
    pub(crate) asked_for: bool,
    /// Something is to be bound that may be newer than what is remembered of an object, such as a role of an application.
    pub(crate) wants_news: bool,
}

impl Memory<'_> {
    /// What a look-up is for.
    fn purpose(&self, is_bound: bool) -> Purpose {
        if is_bound && !self.wants_news {
            Purpose::Verify
        } else {
            Purpose::Bind
        }
    }
}

/// What came of a look-up: for everybody who asked.
pub(crate) type Outcome = Arc<Result<Answer, GraphError>>;

/// The last outcome for one reference.
struct Known {
    at: Instant,
    /// It is not to be read by this application: asking again soon tells nothing.
    is_refused: bool,
    /// How many in a row bound nothing.
    misses: u32,
    outcome: Outcome,
}

#[derive(Default)]
struct Looked {
    known: HashMap<String, Known>,
    under_way: HashMap<String, Shared<BoxFuture<'static, Outcome>>>,
}

/// What a look-up is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To bind a name for the first time.
    Bind,
    /// To see whether a name still stands for what it is bound to, or an id for what it should.
    Verify,
    /// To tell people something that keeps nobody from working.
    Tell,
}

/// The directory of one tenant.
pub(crate) struct Directory {
    graph: Graph,
    tenant: String,
    /// The longest that an answer is believed that binds nothing.
    drift_interval: Duration,
    clock: Clock,
    looked: Mutex<Looked>,
}

impl Directory {
    pub(crate) fn new(graph: Graph, tenant: String, drift_interval: Duration, clock: Clock) -> Self {
        Self {
            graph,
            tenant,
            drift_interval,
            clock,
            looked: Mutex::default(),
        }
    }

    /// How long an answer is believed that only verifies what is bound.
    pub(super) fn verify_after(&self) -> Duration {
        self.drift_interval.saturating_mul(6)
    }

    /// What each key, written in its field, means; in this order.
    pub(crate) async fn bind_many(
        &self,
        references: &[(String, DirectoryKey)],
        memory: Memory<'_>,
    ) -> Vec<Step<Bound>> {
        let asks: Vec<_> = references
            .iter()
            .map(|(field, key)| self.bind(field, key, memory))
            .collect();
        stream::iter(asks).buffered(SIDE_BY_SIDE).collect().await
    }

    /// What `key`, written in `field`, means.
    pub(crate) async fn bind(&self, field: &str, key: &DirectoryKey, memory: Memory<'_>) -> Step<Bound> {
        if let Some(id) = key.id() {
            // Entra may take one that never runs at the stage.
            if let DirectoryKey::Extension(_) = key {
                self.examine(field, key, memory).await?.ok(); // what may not be read is sent as it is given
            }
            return Ok(Bound::certain(id));
        }
        let pinned = memory.pins.get(&key.to_string()).map(String::as_str);
        let outcome = self.find(key, memory.purpose(pinned.is_some()), memory.asked_for).await;
        let answer = outcome.as_ref().as_ref();
        let bound = decide(field, key, pinned, answer.ok(), &self.tenant);
        match (bound, answer) {
            (Ok(Some(bound)), _) => Ok(bound),
            (Err(problem), _) => Err(Halt::reference(problem).retried(self.due(key))),
            // Entitlement management knows a site by its address, which is there without the directory.
            (Ok(None), Err(error)) if error.kind == GraphErrorKind::Forbidden => match key {
                DirectoryKey::Site(SiteKey::Url(url)) => {
                    let address = sites::canonical(url).unwrap_or_else(|| url.clone());
                    Ok(Bound::certain(address))
                }
                // What has an id of its own in the directory is known by it alone.
                _ => Err(self.failed(field, key, error)),
            },
            (Ok(None), Err(error)) => Err(self.failed(field, key, error)),
            // An answer always decides.
            (Ok(None), Ok(_)) => Err(Halt::reference(missing(field, key, None, &self.tenant)).retried(self.due(key))),
        }
    }

    /// The object that an id stands for, so that one of another kind is found out; `Ok(Err(_))` tells why it could not
    /// be read, which makes it neither absent nor suitable.
    pub(crate) async fn examine(
        &self,
        field: &str,
        key: &DirectoryKey,
        memory: Memory<'_>,
    ) -> Step<Result<DirectoryObject, Problem>> {
        let outcome = self.find(key, memory.purpose(true), memory.asked_for).await;
        match outcome.as_ref() {
            Ok(answer) => match answer.objects.first() {
                Some(object) => Ok(Ok(object.clone())),
                None => {
                    let problem = missing(field, key, answer.mistake.as_ref(), &self.tenant);
                    Err(Halt::reference(problem).retried(self.due(key)))
                }
            },
            Err(error) if error.kind == GraphErrorKind::Forbidden => Ok(Err(self.failed(field, key, error).problem)),
            Err(error) => Err(self.failed(field, key, error)),
        }
    }

    /// The roles that an application defines, or why they cannot be read.
    pub(crate) async fn app_roles(&self, field: &str, service_principal: &str, memory: Memory<'_>) -> Step<AppRoles> {
        let key = DirectoryKey::ServicePrincipal(ServicePrincipalKey::Id(service_principal.to_owned()));
        let read = self.examine(field, &key, memory).await?;
        Ok(match read {
            Ok(object) => AppRoles::Read(object.app_roles),
            Err(problem) => AppRoles::Refused(problem),
        })
    }

    /// What is known of somebody who is to decide, to be told and not to be decided by.
    ///
    /// # Errors
    /// Where the directory does not answer.
    pub(crate) async fn standing(&self, who: &Who, asks: Asks) -> Result<Standing, Outcome> {
        let (reference, look): (String, BoxFuture<'static, Result<Answer, GraphError>>) = match who {
            Who::User(id) => {
                let key = DirectoryKey::User(UserKey::Id(id.to_string()));
                let (graph, asked) = (self.graph.clone(), key.clone());
                (key.to_string(), async move { look_up(&graph, &asked).await }.boxed())
            }
            Who::Group(id) => {
                let (graph, group) = (self.graph.clone(), id.clone());
                let look = async move { members(&graph, &group).await };
                (format!("members of group {id}"), look.boxed())
            }
        };
        let outcome = match asks {
            Asks::Nothing => {
                let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
                match looked.known.get(&reference) {
                    Some(known) => Arc::clone(&known.outcome),
                    None => return Ok(Standing::Unknown),
                }
            }
            Asks::Seldom | Asks::Everything => {
                let asked_for = asks == Asks::Everything;
                self.find_by(reference, Purpose::Tell, asked_for, move || look).await
            }
        };
        match (outcome.as_ref(), who) {
            (Err(error), _) if error.is_transient() => Err(outcome),
            (Err(error), Who::Group(_)) if error.kind == GraphErrorKind::NotFound => Ok(Standing::Gone),
            (Err(_), _) => Ok(Standing::Unknown),
            (Ok(answer), Who::User(_)) => Ok(Standing::of_user(answer.objects.first())),
            (Ok(answer), Who::Group(_)) => Ok(Standing::Group {
                has_members: !answer.objects.is_empty(),
            }),
        }
    }

    /// What the directory has under `key`: from memory where that is young enough for its purpose, else asked for once
    /// by all who want it now.
    async fn find(&self, key: &DirectoryKey, purpose: Purpose, asked_for: bool) -> Outcome {
        let (graph, asked) = (self.graph.clone(), key.clone());
        let look = move || async move { look_up(&graph, &asked).await }.boxed();
        self.find_by(key.to_string(), purpose, asked_for, look).await
    }

    /// The same, of what `look` tells.
    async fn find_by(
        &self,
        reference: String,
        purpose: Purpose,
        asked_for: bool,
        look: impl FnOnce() -> BoxFuture<'static, Result<Answer, GraphError>> + Send,
    ) -> Outcome {
        let flight = {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = looked.known.get(&reference)
                && self.clock.since(known.at) < self.believed(known, purpose, asked_for)
            {
                return Arc::clone(&known.outcome);
            }
            let flight = looked.under_way.entry(reference.clone());
            flight.or_insert_with(|| look().map(Arc::new).boxed().shared()).clone()
        };
        let outcome = flight.clone().await;
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        // The first to come back files it.
        if looked
            .under_way
            .get(&reference)
            .is_some_and(|known| known.ptr_eq(&flight))
        {
            looked.under_way.remove(&reference);
            self.file(&mut looked.known, reference, &outcome);
        }
        outcome
    }

    fn file(&self, known: &mut HashMap<String, Known>, reference: String, outcome: &Outcome) {
        let is_settled = match outcome.as_ref() {
            Ok(answer) => answer.is_settled(),
            // Weather says nothing about a name.
            Err(error) if error.is_transient() => return,
            Err(_) => false,
        };
        let before = known.get(&reference).map_or(0, |known| known.misses);
        // What nobody has asked for since is forgotten.
        let longest = self.verify_after().saturating_mul(2);
        known.retain(|_, known| self.clock.since(known.at) < longest);
        known.insert(
            reference,
            Known {
                at: self.clock.instant(),
                is_refused: matches!(outcome.as_ref(), Err(error) if error.kind == GraphErrorKind::Forbidden),
                misses: if is_settled { 0 } else { before.saturating_add(1) },
                outcome: Arc::clone(outcome),
            },
        );
    }

    fn believed(&self, known: &Known, purpose: Purpose, asked_for: bool) -> Duration {
        match (known.misses, purpose) {
            // What is under way serves all the same.
            (_, _) if asked_for => Duration::ZERO,
            (0, Purpose::Verify | Purpose::Tell) => self.verify_after(),
            (1.., Purpose::Tell) if known.is_refused => self.verify_after(),
            (0, Purpose::Bind) => MOMENT,
            (misses @ 1.., _) => believed(misses, self.drift_interval),
        }
    }

    /// When this reference is looked up again.
    fn due(&self, key: &DirectoryKey) -> Retry {
        let looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let left = looked.known.get(&key.to_string()).map(|known| {
            let believed = self.believed(known, Purpose::Bind, false);
            believed.saturating_sub(self.clock.since(known.at))
        });
        Retry::After(left.unwrap_or(self.drift_interval).max(MOMENT))
    }

    fn failed(&self, field: &str, key: &DirectoryKey, error: &GraphError) -> Halt {
        let (reason, remedy) = match (error.kind, error.needed_permission) {
            (GraphErrorKind::Forbidden, Some(permission)) => (
                Reason::NeedsTenantPermission,
                Some(format!(
                    "grant the application permission {permission}, or give the id instead of the name"
                )),
            ),
            // Everything else is told as it was answered.
            _ if error.is_transient() => (Reason::GraphUnavailable, None),
            _ => (Reason::GraphRefused, None), // no remedy is known
        };
        let problem = Problem::new(reason, error.to_string()).at(field).traced(error.trace());
        Halt {
            problem: match remedy {
                Some(remedy) => problem.remedy(remedy),
                None => problem,
            },
            stage: Stage::References,
            retry: match error.retry_after {
                Some(after) => Retry::Asked(after),
                None if error.is_transient() => Retry::Backoff,
                None => self.due(key),
            },
        }
    }
}

/// Asks the directory.
async fn look_up(graph: &Graph, key: &DirectoryKey) -> Result<Answer, GraphError> {
    let objects: Vec<DirectoryObject> = match key {
        DirectoryKey::User(key) => {
            let users = graph.find_users(key).await?;
            let object = |user: crate::graph::User| DirectoryObject {
                is_disabled: user.enabled == Some(false),
                is_guest: user.user_type.as_deref() == Some("Guest"),
                ..DirectoryObject::new(user.id.to_string(), user.display_name)
            };
            users.into_iter().map(object).collect()
        }
        DirectoryKey::Group(key) => {
            let groups = graph.find_groups(key).await?;
            let object = |group: crate::graph::Group| DirectoryObject {
                unsuitable: Unsuitable::of(&group),
                ..DirectoryObject::new(group.id.to_string(), group.display_name)
            };
            groups.into_iter().map(object).collect()
        }
        DirectoryKey::ServicePrincipal(key) => {
            let principals = graph.find_service_principals(key).await?;
            let object = |principal: crate::graph::ServicePrincipal| DirectoryObject {
                app_roles: principal.app_roles,
                ..DirectoryObject::new(principal.id.to_string(), principal.display_name)
            };
            principals.into_iter().map(object).collect()
        }
        DirectoryKey::Site(key) => {
            let sites = graph.find_sites(key).await?;
            let object = |site: crate::graph::Site| {
                // The address is what counts; a site without a name goes by it.
                let name = site.display_name.unwrap_or_default();
                DirectoryObject::new(site.web_url, name)
            };
            // A site whose address may not be read is none that could be bound.
            let told = sites.into_iter().filter(|site| !site.web_url.is_empty());
            told.map(object).collect()
        }
        DirectoryKey::Organization(key) => {
            let organizations = graph.find_connected_organizations(key).await?;
            let object =
                |one: crate::graph::ConnectedOrganization| DirectoryObject::new(one.id.to_string(), one.display_name);
            organizations.into_iter().map(object).collect()
        }
        DirectoryKey::Extension(ExtensionKey { catalog, kind, by }) => {
            let mut extensions = graph.list_workflow_extensions(catalog).await?;
            extensions.retain(|extension| match by {
                ExtensionName::Id(id) => extension.id == ObjectId::from(id.as_str()),
                ExtensionName::DisplayName(name) => extension.display_name.trim() == name.trim(),
            });
            let (fitting, others): (Vec<_>, Vec<_>) = extensions
                .into_iter()
                .partition(|extension| extension.kind() == Some(*kind));
            let object =
                |one: crate::graph::WorkflowExtension| DirectoryObject::new(one.id.to_string(), one.display_name);
            let objects: Vec<DirectoryObject> = fitting.into_iter().map(object).collect();
            let is_other = objects.is_empty() && !others.is_empty();
            return Ok(Answer {
                objects,
                mistake: is_other.then_some(Mistake::OtherStage),
            });
        }
    };
    let mistake = if objects.is_empty() {
        likely(graph, key).await
    } else {
        None
    };
    Ok(Answer { objects, mistake })
}

/// Whether a group has members: one of them stands for all.
async fn members(graph: &Graph, group: &ObjectId) -> Result<Answer, GraphError> {
    let has = graph.has_members(group).await?.ok_or_else(|| {
        let what = format!("no group has the id {group}");
        GraphError::new(GraphErrorKind::NotFound, "groups.members", what)
    })?;
    let objects = if has {
        vec![DirectoryObject::new("member", "")]
    } else {
        Vec::new()
    };
    Ok(Answer { objects, mistake: None })
}

/// What an id probably is that stands for nothing of its kind; `None` also where it could not be told.
async fn likely(graph: &Graph, key: &DirectoryKey) -> Option<Mistake> {
    let (asked, id) = match key {
        DirectoryKey::User(UserKey::Id(id)) => (ObjectKind::User, id),
        DirectoryKey::Group(GroupKey::Id(id)) => (ObjectKind::Group, id),
        DirectoryKey::ServicePrincipal(ServicePrincipalKey::Id(id) | ServicePrincipalKey::AppId(id)) => {
            (ObjectKind::ServicePrincipal, id)
        }
        DirectoryKey::User(UserKey::UserPrincipalName(_) | UserKey::Mail(_))
        | DirectoryKey::Group(GroupKey::DisplayName(_) | GroupKey::MailNickname(_) | GroupKey::UniqueName(_))
        | DirectoryKey::ServicePrincipal(ServicePrincipalKey::DisplayName(_))
        | DirectoryKey::Site(SiteKey::Url(_) | SiteKey::Id(_))
        | DirectoryKey::Organization(
            OrganizationKey::Id(_)
            | OrganizationKey::DisplayName(_)
            | OrganizationKey::TenantId(_)
            | OrganizationKey::Domain(_),
        )
        | DirectoryKey::Extension(_) => return None,
    };
    let of_app = async |app_id: &str| {
        let found = graph
            .find_service_principals(&ServicePrincipalKey::AppId(app_id.to_owned()))
            .await;
        let found = found.ok().and_then(|found| found.into_iter().next());
        found.map(|principal| principal.id.to_string())
    };
    if let DirectoryKey::ServicePrincipal(ServicePrincipalKey::Id(id)) = key
        && let Some(principal) = of_app(id).await
    {
        return Some(Mistake::AppId(principal));
    }
    let identified = graph.identify(&[id.as_str().into()]).await.ok()?;
    let Identified { kind, app_id, .. } = identified.into_iter().next().flatten()?;
    let is_app_id = matches!(key, DirectoryKey::ServicePrincipal(ServicePrincipalKey::AppId(_)));
    match kind {
        ObjectKind::ServicePrincipal if is_app_id => Some(Mistake::ServicePrincipal),
        // It is what it should be: younger than the answer.
        kind if kind == asked => None,
        ObjectKind::User => Some(Mistake::Kind("user")),
        ObjectKind::Group => Some(Mistake::Kind("group")),
        ObjectKind::ServicePrincipal => Some(Mistake::Kind("service principal")),
        ObjectKind::Application if asked == ObjectKind::ServicePrincipal => {
            let principal = match app_id {
                Some(app_id) => of_app(&app_id).await,
                None => None,
            };
            Some(Mistake::ApplicationObject(principal))
        }
        ObjectKind::Application => Some(Mistake::Kind("app registration")),
        ObjectKind::Other(_) => None,
    }
}
