use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use simulation::api_server::{ApiServer, EventType, User};
use simulation::stage::OPERATOR_NAMESPACE;
use stage::{Entra, Error, Result};
use tokio::runtime::Runtime;

use super::{Person, StageBuilder};

/// How often somebody who waits looks, in simulated time.
const POLL: Duration = Duration::from_millis(50);
const GROUP: &str = "access.entra-operator.io";
const OPERATOR: &str = "entra-access-operator";
/// So many of the operator's last calls are shown in a failing test.
const SHOWN: usize = 30;

/// The simulated stage, with a runtime of its own whose time passes in [`Simulated::pass`] only.
pub(super) struct Simulated {
    // Dropped before its runtime.
    stage: RefCell<simulation::stage::Stage>,
    cluster: ApiServer,
    pub(super) entra: Entra,
    pub(super) time: Rc<Runtime>,
}

impl Simulated {
    pub(super) fn start(builder: &StageBuilder) -> Result<Self> {
        let time = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map_err(|source| Error::Io {
                what: "start a runtime".to_owned(),
                source,
            })?;
        let simulated = {
            let _now = time.enter();
            let stage = simulation::stage::Stage::new(&builder.setting);
            (
                stage.cluster.clone(),
                Entra::of(stage.entra.clone()),
                RefCell::new(stage),
            )
        };
        let (cluster, entra, stage) = simulated;
        let simulated = Self {
            stage,
            cluster,
            entra,
            time: Rc::new(time),
        };
        let admin = simulated.person(User::admin());
        for namespace in &builder.teams {
            admin.apply_object(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))?;
        }
        if builder.is_policed {
            let _now = simulated.time.enter();
            let enforced = simulated.cluster.enforce_admission(OPERATOR_NAMESPACE);
            enforced.map_err(|refusal| Error::Build(format!("the admission policy: {}", refusal.body)))?;
        }
        Ok(simulated)
    }

    pub(super) fn person(&self, user: User) -> Person {
        Person::Simulated {
            cluster: self.cluster.clone(),
            user,
            time: Rc::clone(&self.time),
        }
    }

    pub(super) fn team(&self, namespace: &str) -> Person {
        self.person(User::new(&format!("team:{namespace}"), &["system:authenticated"]))
    }

    pub(super) fn operator(&self) -> Person {
        self.person(User::service_account(OPERATOR_NAMESPACE, OPERATOR))
    }

    pub(super) fn restart(&self) {
        let _now = self.time.enter();
        self.stage.borrow_mut().restart();
    }

    pub(super) fn stop(&self) {
        let _now = self.time.enter();
        self.stage.borrow_mut().stop();
    }

    pub(super) fn pass(&self, time: Duration) -> Result<()> {
        let mut stage = self.stage.borrow_mut();
        let passed = self.time.block_on(stage.pass(time));
        passed.map_err(|restless| Error::Build(restless.to_string()))
    }

    pub(super) fn age(&self) -> Duration {
        let _now = self.time.enter();
        self.stage.borrow().age()
    }

    pub(super) fn now(&self) -> Timestamp {
        let _now = self.time.enter();
        self.stage.borrow().now()
    }

    pub(super) fn wait_for<T, S: Display>(
        &self,
        what: &str,
        deadline: Duration,
        mut look: impl FnMut() -> std::result::Result<T, S>,
    ) -> Result<T> {
        let began = self.age();
        loop {
            match look() {
                Ok(found) => return Ok(found),
                Err(seen) => {
                    let waited = self.age().saturating_sub(began);
                    if waited >= deadline {
                        self.show();
                        return Err(Error::Deadline {
                            what: what.to_owned(),
                            waited,
                            seen: format!("{seen:#}"),
                        });
                    }
                }
            }
            self.pass(POLL)?;
        }
    }

    /// Every state that our objects were stored in.
    pub(super) fn history(&self) -> Vec<Value> {
        let is_ours = |object: &Value| {
            let group = object["apiVersion"]
                .as_str()
                .and_then(|version| version.split_once('/'));
            group.is_some_and(|(group, _)| group == GROUP)
        };
        let stored = self
            .cluster
            .events_since(0)
            .into_iter()
            .filter(|event| match event.event_type {
                EventType::Added | EventType::Modified => is_ours(&event.object),
                // Nothing is stored by that.
                EventType::Deleted => false,
            });
        stored.map(|event| Value::clone(&event.object)).collect()
    }

    /// The operator's calls, a line each.
    pub(super) fn calls(&self) -> String {
        let calls = self.stage.borrow().trace();
        let lines: Vec<String> = calls.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    /// The end of the operator's calls, for the person who reads of a failure.
    fn show(&self) {
        let calls = self.calls();
        let lines: Vec<&str> = calls.lines().collect();
        let end = lines
            .get(lines.len().saturating_sub(SHOWN)..)
            .unwrap_or_default()
            .join("\n");
        let _ = writeln!(
            io::stderr(),
            "the end of the operator's calls on the simulated stage:\n{end}"
        );
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        if thread::panicking() {
            self.show();
        } else {
            crate::review::review(&self.history());
        }
    }
}
