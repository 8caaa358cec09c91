use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use simulation::api_server::Definitions;
use simulation::stage::Setting;
use stage::{Error, Result};

use super::{Stage, simulated::Simulated};

/// The variable that says where the sentences are played.
const SCENE: &str = "SCENE";

/// What a stage is started with, wherever it is.
#[derive(Clone)]
pub(crate) struct StageBuilder {
    pub(super) setting: Setting,
    pub(super) is_policed: bool,
    pub(super) teams: Vec<String>,
    definitions: Option<PathBuf>,
    real: stage::StageBuilder,
    log_level: &'static str,
    needs: Needs,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    NoRealPart,
    ARealPart,
}

impl StageBuilder {
    /// One of which the operator has the options that it has by itself, but tells more.
    pub(crate) fn new() -> Self {
        let binary = env!("CARGO_BIN_EXE_entra-access-operator");
        Self {
            setting: Setting::default(),
            is_policed: false,
            teams: Vec::new(),
            definitions: None,
            real: stage::Stage::builder(binary).review(crate::review::review),
            log_level: "info,entra_access_operator=debug",
            needs: Needs::NoRealPart,
        }
    }

    /// On the real stage always, since the sentence needs a part that the simulated one does not have.
    pub(crate) fn real(mut self, _why: &str) -> Self {
        self.needs = Needs::ARealPart;
        self
    }

    /// As [`Self::real`], with something that only the real stage can be told.
    pub(crate) fn real_with(
        mut self,
        why: &str,
        change: impl FnOnce(stage::StageBuilder) -> stage::StageBuilder,
    ) -> Self {
        self.real = change(self.real);
        self.real(why)
    }

    /// Another world file's text than `stage::world::WORLD`.
    pub(crate) fn world(mut self, yaml: &str) -> Self {
        self.setting.world = Some(yaml.to_owned());
        self.real = self.real.world(yaml);
        self
    }

    /// The emulator's quirks from the start, an object of name to value.
    pub(crate) fn quirks(mut self, quirks: Value) -> Self {
        self.setting.quirks.clone_from(&quirks);
        self.real = self.real.quirks(quirks);
        self
    }

    /// How long the operator takes it that a write may not show yet (`--visibility-seconds`).
    pub(crate) fn visibility(mut self, seconds: u64) -> Self {
        self.setting.visibility = Some(Duration::from_secs(seconds));
        self
    }

    /// What the binary logs.
    pub(crate) fn log_level(mut self, level: &'static str) -> Self {
        self.log_level = level;
        self
    }

    /// The definitions without any rule in CEL, as those of an older version have none.
    pub(crate) fn without_cel(mut self) -> Self {
        self.setting.definitions = Some(Definitions::without_rules());
        self.real = self.real.without_cel();
        self
    }

    /// A folder of resource definitions instead of `crds` of the checkout.
    pub(crate) fn definitions(mut self, folder: &Path) -> Self {
        self.definitions = Some(folder.to_owned());
        self.real = self.real.definitions(folder);
        self
    }

    /// With the chart's admission policy in force: nobody but the operator writes status.
    pub(crate) fn admission_policy(mut self) -> Self {
        self.is_policed = true;
        self.real = self.real.admission_policy();
        self
    }

    /// A namespace with a team, whose user is [`Stage::team`]. The simulated API server knows no rights: there it may do
    /// everything that the admission policy lets it.
    pub(crate) fn team(mut self, namespace: &str) -> Self {
        self.teams.push(namespace.to_owned());
        self.real = self.real.team(namespace);
        self
    }

    /// Starts it, on the stage that the sentence needs or that is asked for.
    pub(crate) fn start(mut self) -> Result<Stage> {
        if self.needs == Needs::NoRealPart && !is_real_asked_for()? {
            if let Some(folder) = &self.definitions {
                self.setting.definitions = Some(read(folder)?);
            }
            return Simulated::start(&self).map(Stage::simulated);
        }
        let mut real = self.real.argument(&format!("--log-level={}", self.log_level));
        if let Some(visibility) = self.setting.visibility {
            real = real.argument(&format!("--visibility-seconds={}", visibility.as_secs()));
        }
        real.start().map(Stage::on_real_parts)
    }
}

fn is_real_asked_for() -> Result<bool> {
    match std::env::var(SCENE).as_deref() {
        Err(_) | Ok("simulated") => Ok(false),
        Ok("real") => Ok(true),
        Ok(other) => Err(Error::Build(format!("{SCENE} is `simulated` or `real`, not {other:?}"))),
    }
}

fn read(folder: &Path) -> Result<Definitions> {
    let problem = |source| Error::Io {
        what: format!("read {}", folder.display()),
        source,
    };
    let mut documents = Vec::new();
    for entry in fs::read_dir(folder).map_err(problem)? {
        documents.push(fs::read_to_string(entry.map_err(problem)?.path()).map_err(problem)?);
    }
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    Definitions::from_yaml(&documents).map_err(|error| Error::Build(error.to_string()))
}
