//! Many look-ups at once, and what an id stands for.

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::directory::{Asked, Found, Lookup};
use super::error::{GraphError, GraphErrorKind};
use super::id::ObjectId;
use super::read::Listed;
use super::transport::{Answer, Graph, Operation};

/// The most that one batch may hold; each batch fails or succeeds for itself.
const MAX_PARTS: usize = 20;
/// The most ids that one request may ask about.
const MAX_IDS: usize = 1_000;
const DIRECTORY_READ: &str = "Directory.Read.All";
const APPLICATION_READ: &str = "Application.Read.All";

/// What an id of the directory stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// A service principal: an application as it exists in the tenant.
    ServicePrincipal,
    /// An application's registration. Its id is often taken for that of its service principal, which is the one that
    /// can have roles.
    Application,
    /// Another kind, by its `@odata.type` without the namespace.
    Other(String),
}

impl From<&str> for ObjectKind {
    fn from(odata_type: &str) -> Self {
        match odata_type.strip_prefix("#microsoft.graph.").unwrap_or(odata_type) {
            "user" => Self::User,
            "group" => Self::Group,
            "servicePrincipal" => Self::ServicePrincipal,
            "application" => Self::Application,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// An object of the directory, as far as it takes to name a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// The id that was asked about.
    pub id: ObjectId,
    /// What it stands for.
    pub kind: ObjectKind,
    /// Its name, where it has one that we may read.
    pub display_name: Option<String>,
    /// The application (client) id, for applications and service principals.
    pub app_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "@odata.type", default)]
    odata_type: Option<String>,
    id: ObjectId,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    app_id: Option<String>,
}

impl Wire {
    fn identified(self, unsaid: &str) -> Identified {
        let Self {
            odata_type,
            id,
            display_name,
            app_id,
        } = self;
        Identified {
            id,
            kind: ObjectKind::from(odata_type.as_deref().unwrap_or(unsaid)),
            display_name,
            app_id,
        }
    }
}

/// What an answered look-up found.
fn read(
    op: &Operation<'_>,
    lookup: &Lookup,
    asked: &Asked,
    answer: Result<Answer, GraphError>,
) -> Result<Found, GraphError> {
    let values = match (asked, answer) {
        (Asked::One(..), Ok(answer)) => vec![op.parse(&answer)?],
        (Asked::Several(..), Ok(answer)) => op.page_of(&answer)?.0,
        (Asked::One(..), Err(error)) if error.kind == GraphErrorKind::NotFound => Vec::new(),
        (Asked::One(..) | Asked::Several(..), Err(error)) => return Err(error),
    };
    lookup.found(op, values)
}

impl Graph {
    pub(super) async fn find_one(&self, lookup: &Lookup) -> Result<Found, GraphError> {
        let (name, permission) = lookup.operation();
        let op = self.operation(name, permission);
        let asked = lookup.call()?;
        let answer = op.send(&asked.to_call()).await;
        read(&op, lookup, &asked, answer)
    }

    /// Many look-ups, at most 20 a request, each with its own outcome, in their order. `POST $batch`; the permissions of
    /// [`Graph::find_users`] and its like.
    pub async fn find_many(&self, lookups: &[Lookup]) -> Vec<Result<Found, GraphError>> {
        let mut outcomes: Vec<Option<Result<Found, GraphError>>> = Vec::new();
        let mut asked: Vec<(usize, Asked)> = Vec::new();
        for (index, lookup) in lookups.iter().enumerate() {
            outcomes.push(None);
            match lookup.call() {
                Ok(one) => asked.push((index, one)),
                Err(error) => outcomes[index] = Some(Err(error)),
            }
        }
        for chunk in asked.chunks(MAX_PARTS) {
            // One by itself needs no batch.
            if let [(index, _)] = chunk {
                outcomes[*index] = Some(self.find_one(&lookups[*index]).await);
                continue;
            }
            let op = self.operation("directory.find", DIRECTORY_READ);
            let calls: Vec<Call> = chunk.iter().map(|(_, asked)| asked.to_call()).collect();
            match op.batch(&calls).await {
                Ok(answers) => {
                    for ((index, asked), answer) in chunk.iter().zip(answers) {
                        let (name, permission) = lookups[*index].operation();
                        let answer = answer.map_err(|mut error| {
                            error.operation = name;
                            error.needed_permission = error.needed_permission.map(|_| permission);
                            error
                        });
                        outcomes[*index] = Some(read(&op, &lookups[*index], asked, answer));
                    }
                }
                Err(error) => {
                    for (index, _) in chunk {
                        outcomes[*index] = Some(Err(error.again()));
                    }
                }
            }
        }
        let missing = || {
            GraphError::new(
                GraphErrorKind::InvalidResponse,
                "directory.find",
                "the look-up has no answer",
            )
        };
        outcomes
            .into_iter()
            .map(|outcome| outcome.unwrap_or_else(|| Err(missing())))
            .collect()
    }

    /// What these ids stand for, in their order: to name the likely mistake where an id is of another kind than the one
    /// that is asked for. `None` proves nothing: the object does not exist, or we may not read its kind.
    /// `POST directoryObjects/getByIds` (User.Read.All, GroupMember.Read.All, Application.Read.All, each for its kind),
    /// then `GET applications/{id}` for those that are none of these.
    ///
    /// # Errors
    ///
    /// `BadRequest` for what is not a GUID.
    pub async fn identify(&self, ids: &[ObjectId]) -> Result<Vec<Option<Identified>>, GraphError> {
        let op = self.operation("directoryObjects.getByIds", DIRECTORY_READ);
        let mut known: Vec<Identified> = Vec::new();
        for chunk in ids.chunks(MAX_IDS) {
            let body = json!({"ids": chunk, "types": ["user", "group", "servicePrincipal"]});
            let call = Call::post_read(op.path(&["directoryObjects", "getByIds"])?, body);
            let Listed {
                elements,
                unreadable: _,
            } = {
                let (values, _) = op.page_of(&op.send(&call).await?)?;
                Listed::<Wire>::parse(values)
            };
            known.extend(elements.into_iter().map(|wire| wire.identified("directoryObject")));
        }
        let unknown: Vec<&ObjectId> = ids.iter().filter(|id| known.iter().all(|one| one.id != **id)).collect();
        let op = self.operation("applications.get", APPLICATION_READ);
        let calls = unknown
            .iter()
            .map(|id| {
                let path = op.path(&["applications", id.as_str()])?;
                Ok(Call::get(path).query(&[("$select", "id,appId,displayName".to_owned())]))
            })
            .collect::<Result<Vec<_>, GraphError>>()?;
        if !calls.is_empty() {
            for answer in op.batch(&calls).await? {
                // A hint that is refused is no hint; it is no failure either.
                let application = answer.ok().and_then(|answer| op.parse::<Value>(&answer).ok());
                let wire = application.and_then(|value| serde_json::from_value::<Wire>(value).ok());
                known.extend(wire.map(|wire| wire.identified("application")));
            }
        }
        Ok(ids
            .iter()
            .map(|id| known.iter().find(|one| one.id == *id).cloned())
            .collect())
    }
}
