//! A tenant with a catalog and a package in it, and the operator's own client of Graph: what specs are written to.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use entra_access_operator::{
    api,
    chance::Chance,
    graph::{
        Access, AccessPackageId, CatalogId, Cloud, Credential, Endpoint, Graph, Line, LineBody, LineError,
        NewAccessPackage,
    },
    plan::bindings::{DirectoryKey, ExtensionKey, ExtensionName},
};
use futures::future::BoxFuture;
use graph_emulator::Front;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use tower::Service;

use super::draw::{EXTENSIONS, OTHER_PACKAGES, PARTNERS, catalog_of_packages};
use crate::stage::{Setting, Stage, WORLD};

/// Ids by which the world's file names what it has.
const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const CLIENT: &str = "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f11";

/// The tenant and the way to it.
pub struct Bench {
    /// The tenant's stage; its operator is gone.
    pub stage: Stage,
    /// The operator's client.
    pub graph: Graph,
    /// The catalog that packages are made of, as the operator left it.
    pub catalog: api::Catalog,
    /// Its id.
    pub catalog_id: CatalogId,
    /// The package that policies belong to.
    pub package: AccessPackageId,
    writes: Arc<AtomicU64>,
    ids: HashMap<String, String>,
}

/// The stage's world, in which every reference has every way to be named.
#[must_use]
pub fn world() -> String {
    let mut world = WORLD.to_owned();
    for nickname in ["marketing-campaign", "auditors", "approvers"] {
        let named = format!("mailNickname: {nickname}, uniqueName: {nickname},");
        world = world.replace(&format!("mailNickname: {nickname},"), &named);
    }
    // A group that is enabled for Privileged Identity Management has roles that others lack.
    world = world.replace("mailNickname: approvers,", "mailNickname: approvers, pim: true,");
    // Whoever brings in roles of the directory needs more.
    world = world.replace(
        "  - User.Read.All\n",
        "  - User.Read.All\n  - RoleManagement.ReadWrite.Directory\n",
    );
    let payroll = "
- id: f92e8068-1951-46f2-9a5c-061602cedd20
  appId: 33333333-3333-4333-8333-333333333333
  displayName: Payroll
  appRoles:
  - {id: bd3d3c48-6afc-4e08-bd5d-e405a4e5e4b1, value: Reader, displayName: Reader, enabled: true}

sites:";
    world.replace("\nsites:", payroll)
}

/// What others have made in the tenant, and specs name.
fn beside(catalog: &CatalogId) -> Vec<(&'static str, Value)> {
    let mut made: Vec<(&str, Value)> = OTHER_PACKAGES
        .iter()
        .map(|id| {
            let package = json!({"id": id, "displayName": format!("Other {id}"), "catalog": {"id": catalog}});
            ("accessPackages", package)
        })
        .collect();
    made.extend(EXTENSIONS.iter().map(|[id, display_name, kind]| {
        let odata_type = format!("#microsoft.graph.accessPackageAssignment{kind}WorkflowExtension");
        let extension = json!({"id": id, "displayName": display_name, "catalogId": catalog, "@odata.type": odata_type});
        ("customWorkflowExtensions", extension)
    }));
    made.extend(PARTNERS.iter().map(|[id, display_name, tenant]| {
        let source = json!({"@odata.type": "#microsoft.graph.azureActiveDirectoryTenant", "tenantId": tenant,
            "displayName": display_name});
        let partner = json!({"id": id, "displayName": display_name, "description": "A partner", "state": "configured",
            "identitySources": [source]});
        ("connectedOrganizations", partner)
    }));
    made
}

/// Requests straight to the tenant.
#[derive(Clone)]
struct Straight(Front);

impl Service<Request<Full<Bytes>>> for Straight {
    type Response = Response<LineBody>;
    type Error = LineError;
    type Future = BoxFuture<'static, Result<Response<LineBody>, LineError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let mut front = self.0.clone();
        Box::pin(async move {
            let answer = front
                .call(request)
                .await
                .map_err(|error| Box::new(error) as LineError)?;
            Ok(answer.map(|body| body.map_err(|error| Box::new(error) as LineError).boxed_unsync()))
        })
    }
}

impl Bench {
    /// A tenant in which the operator has made the catalog of packages.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn new(seed: u64) -> Result<Self, String> {
        let mut stage = Stage::new(&Setting {
            seed,
            world: Some(world()),
            quirks: json!({"sharePointNeedsDelegated": false}),
            ..Setting::default()
        });
        let object = |kind: &str, name: &str, spec: Value| json!({"apiVersion": format!("{}/v1alpha1", api::GROUP), "kind": kind, "metadata": {"name": name}, "spec": spec});
        let secret = json!({"clientId": CLIENT, "secretRef": {"name": "entra-credentials"}});
        let tenant = json!({"tenantId": TENANT, "credentials": {"clientSecret": secret}});
        for object in [
            object("EntraTenant", "default", tenant),
            object("Catalog", "catalog", catalog_of_packages()),
        ] {
            stage.cluster.apply(&object).map_err(|refusal| format!("{refusal:?}"))?;
        }
        stage.settle().await.map_err(|restless| restless.to_string())?;
        stage.kill();
        let object = stage.cluster.get("Catalog", "catalog", None).unwrap_or_default();
        let catalog: api::Catalog = serde_json::from_value(object).map_err(|error| error.to_string())?;
        let entra = catalog
            .status
            .as_ref()
            .and_then(|status| status.identity.entra.as_ref());
        let catalog_id: CatalogId = entra
            .map(|entra| entra.id.as_str().into())
            .ok_or_else(|| format!("the catalog was not made: {:?}", stage.conditions()))?;
        for (collection, element) in beside(&catalog_id) {
            let made = stage.entra.create(collection, element);
            made.map_err(|refusal| format!("{collection}: {refusal:?}"))?;
        }
        let writes = Arc::new(AtomicU64::new(0));
        let graph = graph(&stage, seed, &writes)?;
        let package = graph
            .create_access_package(&NewAccessPackage {
                catalog: catalog_id.clone(),
                display_name: "Package of policies".into(),
                description: String::new(),
                hidden: false,
            })
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self {
            stage,
            graph,
            catalog,
            catalog_id,
            package: package.id,
            writes,
            ids: HashMap::new(),
        })
    }

    /// How many requests were sent so far that change something.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// What the stage's clock shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.stage.now()
    }

    /// Looks these up, each once in the tenant's life.
    ///
    /// # Errors
    /// Where one does not stand for exactly one object.
    pub async fn look_up(&mut self, keys: impl IntoIterator<Item = DirectoryKey>) -> Result<(), String> {
        for key in keys {
            let reference = key.to_string();
            if self.ids.contains_key(&reference) {
                continue;
            }
            let found = self.found(&key).await.map_err(|error| format!("{key}: {error}"))?;
            let [id] = found.as_slice() else {
                return Err(format!("{key} is {found:?}"));
            };
            self.ids.insert(reference, id.clone());
        }
        Ok(())
    }

    async fn found(&self, key: &DirectoryKey) -> Result<Vec<String>, entra_access_operator::graph::GraphError> {
        if let Some(id) = key.id() {
            return Ok(vec![id.to_owned()]);
        }
        let graph = &self.graph;
        Ok(match key {
            DirectoryKey::User(key) => {
                let users = graph.find_users(key).await?;
                users.into_iter().map(|user| user.id.to_string()).collect()
            }
            DirectoryKey::Group(key) => {
                let groups = graph.find_groups(key).await?;
                groups.into_iter().map(|group| group.id.to_string()).collect()
            }
            DirectoryKey::ServicePrincipal(key) => {
                let principals = graph.find_service_principals(key).await?;
                principals
                    .into_iter()
                    .map(|principal| principal.id.to_string())
                    .collect()
            }
            DirectoryKey::Site(key) => {
                let sites = graph.find_sites(key).await?;
                sites.into_iter().map(|site| site.web_url).collect()
            }
            DirectoryKey::Organization(key) => {
                let organizations = graph.find_connected_organizations(key).await?;
                organizations
                    .into_iter()
                    .map(|organization| organization.id.to_string())
                    .collect()
            }
            DirectoryKey::Extension(ExtensionKey { catalog, kind, by }) => {
                let ExtensionName::DisplayName(name) = by else {
                    return Ok(Vec::new()); // an id was answered above
                };
                let extensions = graph.list_workflow_extensions(catalog).await?;
                let fit = extensions
                    .into_iter()
                    .filter(|extension| extension.kind() == Some(*kind) && extension.display_name == *name);
                fit.map(|extension| extension.id.to_string()).collect()
            }
        })
    }

    /// What was looked up before.
    #[must_use]
    pub fn id(&self, key: &DirectoryKey) -> Option<&str> {
        self.ids.get(&key.to_string()).map(String::as_str)
    }
}

fn graph(stage: &Stage, seed: u64, writes: &Arc<AtomicU64>) -> Result<Graph, String> {
    let authority = "https://localhost";
    let endpoint = Endpoint {
        graph_url: format!("{authority}/v1.0").parse().ok(),
        authority_host: authority.parse().ok(),
        ..Endpoint::of(Cloud::Global)
    };
    let credential = Credential::ClientSecret {
        client_id: CLIENT.to_owned(),
        secret: "stage-client-secret".to_owned().into(),
    };
    let machine = (stage.clock(), Chance::seeded(seed));
    let line = Line::new(Straight(stage.entra.service()));
    let graph = Graph::over(line, machine, &endpoint, TENANT, credential, Access::ReadWrite);
    let writes = Arc::clone(writes);
    let graph = graph.map_err(|error| error.to_string())?;
    Ok(graph.observed_by(Arc::new(move |exchange| {
        if exchange.is_write {
            writes.fetch_add(1, Ordering::Relaxed);
        }
    })))
}
