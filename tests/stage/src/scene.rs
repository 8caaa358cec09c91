use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::{Value, json};

use crate::furnish::{Rules, team_user};
use crate::{ControlPlane, Emulator, Error, Operator, Result, Review, Supervised, User, workspace, world};

/// The namespace that the operator runs in.
pub const OPERATOR_NAMESPACE: &str = "entra-access-operator";
/// The Secret with the tenant's client secret, in [`OPERATOR_NAMESPACE`].
pub const SECRET_NAME: &str = "entra-credentials";
/// Its key.
pub const SECRET_KEY: &str = "clientSecret";

pub(crate) const GROUP: &str = "access.entra-operator.io";
pub(crate) const SERVICE_ACCOUNT: &str = "entra-access-operator";
const OPERATOR_USER: &str = "system:serviceaccount:entra-access-operator:entra-access-operator";

/// How the operator signs in at the tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// The Secret [`SECRET_NAME`].
    #[default]
    ClientSecret,
    /// A token of its service account, which the tenant's application trusts.
    WorkloadIdentity,
}

impl Credentials {
    /// An EntraTenant of this name that reaches the emulator's tenant by them, as YAML.
    #[must_use]
    pub fn tenant_manifest(self, name: &str) -> String {
        let client = world::CLIENT_ID;
        let credentials = match self {
            Self::ClientSecret => json!({"clientSecret": {
                "clientId": client, "secretRef": {"name": SECRET_NAME, "key": SECRET_KEY},
            }}),
            Self::WorkloadIdentity => json!({"workloadIdentity": {"clientId": client}}),
        };
        let tenant = json!({
            "apiVersion": format!("{GROUP}/v1alpha1"),
            "kind": "EntraTenant",
            "metadata": {"name": name},
            "spec": {
                "tenantId": world::TENANT_ID,
                "cloud": "Global",
                "domain": world::DOMAIN,
                "credentials": credentials,
            },
        });
        tenant.to_string()
    }
}

/// When the operator starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Start {
    #[default]
    WithTheStage,
    WhenAsked,
}

/// What a stage is started with.
#[derive(Clone, Debug)]
pub struct StageBuilder {
    operator: Option<PathBuf>,
    world: String,
    users: Vec<(String, Vec<String>)>,
    quirks: Option<Value>,
    credentials: Credentials,
    definitions: Option<PathBuf>,
    rules: Rules,
    admission_policy: bool,
    teams: Vec<String>,
    start: Start,
    operator_groups: Vec<String>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    review: Option<Review>,
}

impl StageBuilder {
    /// Another world file's text than [`world::WORLD`].
    #[must_use]
    pub fn world(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.world);
        self
    }

    /// One more user at the API server, with groups.
    #[must_use]
    pub fn user(mut self, name: &str, groups: &[&str]) -> Self {
        self.users
            .push((name.to_owned(), groups.iter().map(|&group| group.to_owned()).collect()));
        self
    }

    /// The emulator's quirks from the start, an object of name to value.
    #[must_use]
    pub fn quirks(mut self, quirks: Value) -> Self {
        self.quirks = Some(quirks);
        self
    }

    /// How the operator signs in; [`Stage::tenant_manifest`] follows it.
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// A folder of resource definitions instead of `crds` of the checkout.
    #[must_use]
    pub fn definitions(mut self, folder: &Path) -> Self {
        self.definitions = Some(folder.to_owned());
        self
    }

    /// The definitions without any rule in CEL (`x-kubernetes-validations`), as those of an older version have none: what
    /// the operator then reads is what it must refuse by itself.
    #[must_use]
    pub fn without_cel(mut self) -> Self {
        self.rules = Rules::NoCel;
        self
    }

    /// With the chart's admission policy in force, rendered for the stage's operator: nobody else writes status, the
    /// administrator included.
    #[must_use]
    pub fn admission_policy(mut self) -> Self {
        self.admission_policy = true;
        self
    }

    /// A namespace with a team, whose user is [`Stage::team`]: every verb on its access packages and assignment policies
    /// and on their finalizers, none on their status, and nothing else.
    #[must_use]
    pub fn team(mut self, namespace: &str) -> Self {
        self.users.push((team_user(namespace), Vec::new()));
        self.teams.push(namespace.to_owned());
        self
    }

    /// The operator is there but not running until `stage.operator()?.restart()`.
    #[must_use]
    pub fn operator_later(mut self) -> Self {
        self.start = Start::WhenAsked;
        self
    }

    /// No operator: the emulator and the control plane, with the definitions applied.
    #[must_use]
    pub fn without_operator(mut self) -> Self {
        self.operator = None;
        self
    }

    /// The operator has only the rights that RBAC gives its service account, not those of an administrator.
    #[must_use]
    pub fn limited_operator(mut self) -> Self {
        self.operator_groups.retain(|group| group != "system:masters");
        self
    }

    /// One more argument of the operator, after `run --graph-url …`.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// One more variable of the operator's environment.
    #[must_use]
    pub fn environment(mut self, key: &str, value: &str) -> Self {
        self.environment.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Hands every state that the operator's objects were in to `review` when the stage ends, as
    /// [`ControlPlaneBuilder::review`](crate::ControlPlaneBuilder::review) does.
    #[must_use]
    pub fn review(mut self, review: Review) -> Self {
        self.review = Some(review);
        self
    }

    /// Starts all three, applies the definitions, and makes the operator's namespace, service account and Secret.
    ///
    /// # Errors
    /// As [`ControlPlaneBuilder::start`](crate::ControlPlaneBuilder::start); [`Error::Emulator`]; [`Error::Command`]
    /// where a definition is refused.
    pub fn start(self) -> Result<Stage> {
        let groups: Vec<&str> = self.operator_groups.iter().map(String::as_str).collect();
        let mut builder = ControlPlane::builder().user(OPERATOR_USER, &groups);
        for (name, groups) in &self.users {
            builder = builder.user(name, &groups.iter().map(String::as_str).collect::<Vec<_>>());
        }
        if let Some(review) = self.review {
            builder = builder.review(GROUP, review);
        }
        let (control_plane, emulator) = thread::scope(|scope| {
            let emulator = scope.spawn(|| Emulator::start(&self.world));
            (builder.start(), emulator.join())
        });
        let control_plane = control_plane?;
        let emulator = emulator.map_err(|_| Error::Emulator("its thread ended while it started".to_owned()))??;
        if let Some(quirks) = &self.quirks {
            emulator.set_quirks(quirks)?;
        }
        let mut stage = Stage {
            operator: None,
            emulator,
            control_plane,
            credentials: self.credentials,
        };
        let definitions = self
            .definitions
            .clone()
            .unwrap_or_else(|| workspace::root().join("crds"));
        stage.apply_definitions(&definitions, self.rules)?;
        stage.furnish()?;
        for namespace in &self.teams {
            stage.settle_team(namespace)?;
        }
        if self.admission_policy {
            stage.enforce_admission()?;
        }
        if let Some(binary) = &self.operator {
            let mut operator = stage.prepare_operator(binary, &self, "operator")?;
            match self.start {
                Start::WithTheStage => operator.restart()?,
                Start::WhenAsked => {}
            }
            stage.operator = Some(operator);
        }
        Ok(stage)
    }
}

/// A tenant, a cluster, and the operator between them.
///
/// It dereferences to the cluster's administrator (through [`ControlPlane`]), so `stage.apply(…)`, `stage.get(…)` and
/// `stage.wait_ready(…)` are theirs.
#[derive(Debug)]
pub struct Stage {
    // Dropped in this order.
    operator: Option<Operator>,
    emulator: Emulator,
    control_plane: ControlPlane,
    credentials: Credentials,
}

impl Deref for Stage {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        &self.control_plane
    }
}

impl Stage {
    /// For a stage with this operator binary. A test of the operator passes
    /// `env!("CARGO_BIN_EXE_entra-access-operator")`.
    pub fn builder(operator: impl Into<PathBuf>) -> StageBuilder {
        let groups = [
            "system:masters",
            "system:serviceaccounts",
            "system:serviceaccounts:entra-access-operator",
        ];
        StageBuilder {
            operator: Some(operator.into()),
            world: world::WORLD.to_owned(),
            users: Vec::new(),
            quirks: None,
            credentials: Credentials::default(),
            definitions: None,
            rules: Rules::default(),
            admission_policy: false,
            teams: Vec::new(),
            start: Start::default(),
            operator_groups: groups.map(str::to_owned).to_vec(),
            arguments: Vec::new(),
            environment: Vec::new(),
            review: None,
        }
    }

    /// The tenant.
    #[must_use]
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// The operator, to end it (SIGTERM, or SIGKILL as a crash), to freeze it, and to start it again.
    ///
    /// # Errors
    /// [`Error::Build`] where the stage was started without one.
    pub fn operator(&mut self) -> Result<&mut Operator> {
        self.operator
            .as_mut()
            .ok_or_else(|| Error::Build("this stage was started without an operator".to_owned()))
    }

    /// The API server, to freeze it ([`Signal::Stop`](crate::Signal)) as a cluster that does not answer, and to let it
    /// go on.
    pub fn api_server(&mut self) -> &mut Supervised {
        self.control_plane.api_server()
    }

    /// What the operator logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.operator.as_ref().map(Operator::log).unwrap_or_default()
    }

    /// The user that the operator is at the API server.
    ///
    /// # Errors
    /// [`Error::Build`], in no case that is known.
    pub fn operator_user(&self) -> Result<&User> {
        self.control_plane.user(OPERATOR_USER)
    }

    /// The user of a namespace's team.
    ///
    /// # Errors
    /// [`Error::Build`] where the stage was started without [`StageBuilder::team`] of this namespace.
    pub fn team(&self, namespace: &str) -> Result<&User> {
        self.control_plane.user(&team_user(namespace))
    }

    /// An EntraTenant of this name that reaches the emulator's tenant, as YAML.
    #[must_use]
    pub fn tenant_manifest(&self, name: &str) -> String {
        self.credentials.tenant_manifest(name)
    }

    /// Ends the operator by SIGTERM, then the rest. Dropping ends all at once.
    pub fn stop(mut self) {
        if let Some(operator) = &mut self.operator {
            operator.stop();
        }
        let Self {
            operator: _,
            emulator,
            control_plane,
            credentials: _,
        } = self;
        drop(emulator);
        control_plane.stop();
    }

    /// One more operator of the same kind, as a second replica is; `name` is that of its pod and of its log.
    ///
    /// # Errors
    /// As [`Operator::start`].
    pub fn replica(&self, builder: &StageBuilder, name: &str) -> Result<Operator> {
        let binary = builder
            .operator
            .clone()
            .ok_or_else(|| Error::Build("this builder names no operator".to_owned()))?;
        let mut builder = builder.clone();
        builder.environment.push(("POD_NAME".to_owned(), name.to_owned()));
        let mut operator = self.prepare_operator(&binary, &builder, name)?;
        operator.restart()?;
        Ok(operator)
    }

    fn prepare_operator(&self, binary: &Path, builder: &StageBuilder, name: &str) -> Result<Operator> {
        let kubeconfig = self.operator_user()?.kubeconfig().display().to_string();
        let mut environment = vec![
            ("KUBECONFIG".to_owned(), kubeconfig),
            ("AZURE_AUTHORITY_HOST".to_owned(), self.emulator.authority().to_owned()),
            (
                "SSL_CERT_FILE".to_owned(),
                self.emulator.ca_file().display().to_string(),
            ),
            ("POD_NAMESPACE".to_owned(), OPERATOR_NAMESPACE.to_owned()),
            ("RUST_BACKTRACE".to_owned(), "1".to_owned()),
            // For the person who reads the log of a failing test.
            ("LOG_FORMAT".to_owned(), "text".to_owned()),
            ("NO_COLOR".to_owned(), "1".to_owned()),
        ];
        if self.credentials == Credentials::WorkloadIdentity {
            let audience = Some("api://AzureADTokenExchange");
            let token = self.service_account_token(OPERATOR_NAMESPACE, SERVICE_ACCOUNT, audience)?;
            let file = self.folder().join("federated-token");
            fs::write(&file, token).map_err(Error::io(format!("write {}", file.display())))?;
            environment.push(("AZURE_FEDERATED_TOKEN_FILE".to_owned(), file.display().to_string()));
        }
        environment.extend(builder.environment.iter().cloned());
        let mut arguments: Vec<String> = ["run", "--graph-url", self.emulator.graph_url()]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(builder.arguments.iter().cloned());
        Ok(Operator::new(
            binary,
            arguments,
            environment,
            &self.folder().join(format!("{name}.log")),
        ))
    }
}
