//! Where a sentence is played, and what it can do there.
//!
//! | | simulated | real |
//! |---|---|---|
//! | the operator | production's visits, in this process | the binary |
//! | the API server | `simulation::api_server`, in this process | kube-apiserver with etcd |
//! | Entra | the emulator, in this process | the emulator, over TLS |
//! | time | passes while somebody waits, and then at once | passes |
//!
//! By default a sentence is played on the simulated stage, unless it needs a real part and says which
//! ([`StageBuilder::real`]). `SCENE=real` plays all of them on the real one. Where the two differ, the simulation is wrong.

mod builder;
mod command;
mod person;
mod portal;
mod simulated;

use std::fmt::Display;
use std::ops::Deref;
use std::thread;
use std::time::{Duration, Instant};

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use stage::{Credentials, Entra, Error, Result, condition_in, is_ready};
use tokio::runtime::EnterGuard;

pub(crate) use builder::StageBuilder;
pub(crate) use person::Person;
pub(crate) use portal::Portal;

use simulated::Simulated;

/// A tenant, a cluster, and the operator between them. It dereferences to the cluster's administrator.
pub(crate) struct Stage {
    admin: Person,
    place: Place,
}

enum Place {
    Simulated(Box<Simulated>),
    Real { stage: Box<stage::Stage>, began: Instant },
}

impl Deref for Stage {
    type Target = Person;

    fn deref(&self) -> &Person {
        &self.admin
    }
}

impl Stage {
    fn simulated(simulated: Simulated) -> Self {
        Self {
            admin: simulated.person(simulation::api_server::User::admin()),
            place: Place::Simulated(Box::new(simulated)),
        }
    }

    fn on_real_parts(stage: stage::Stage) -> Self {
        Self {
            admin: Person::Real(stage.admin().clone()),
            place: Place::Real {
                stage: Box::new(stage),
                began: Instant::now(),
            },
        }
    }

    /// The real stage, for what only that has.
    pub(crate) fn real(&self) -> Result<&stage::Stage> {
        match &self.place {
            Place::Real { stage, .. } => Ok(stage),
            Place::Simulated(_) => Err(not_real()),
        }
    }

    /// The real stage, for what is done to its processes.
    pub(crate) fn real_mut(&mut self) -> Result<&mut stage::Stage> {
        match &mut self.place {
            Place::Real { stage, .. } => Ok(stage),
            Place::Simulated(_) => Err(not_real()),
        }
    }

    /// The tenant.
    pub(crate) fn emulator(&self) -> Emulator<'_> {
        match &self.place {
            Place::Simulated(simulated) => Emulator {
                entra: &simulated.entra,
                time: Some(simulated.time.enter()),
            },
            Place::Real { stage, .. } => Emulator {
                entra: stage.emulator(),
                time: None,
            },
        }
    }

    /// The user of a namespace's team.
    pub(crate) fn team(&self, namespace: &str) -> Result<Person> {
        match &self.place {
            Place::Simulated(simulated) => Ok(simulated.team(namespace)),
            Place::Real { stage, .. } => stage.team(namespace).cloned().map(Person::Real),
        }
    }

    /// The user that the operator is at the API server.
    pub(crate) fn operator_user(&self) -> Result<Person> {
        match &self.place {
            Place::Simulated(simulated) => Ok(simulated.operator()),
            Place::Real { stage, .. } => stage.operator_user().cloned().map(Person::Real),
        }
    }

    /// Ends the operator and starts it again: it knows nothing but what cluster and tenant tell it.
    pub(crate) fn restart(&mut self) -> Result<()> {
        match &mut self.place {
            Place::Simulated(simulated) => {
                simulated.restart();
                Ok(())
            }
            Place::Real { stage, .. } => stage.operator()?.restart(),
        }
    }

    /// Kills the operator, wherever it is; it comes back by [`Stage::restart`].
    pub(crate) fn kill(&mut self) -> Result<()> {
        match &mut self.place {
            Place::Simulated(simulated) => simulated.stop(),
            Place::Real { stage, .. } => {
                stage.operator()?.kill();
            }
        }
        Ok(())
    }

    /// Every state that the operator's objects were stored in, in the order of the writes.
    pub(crate) fn history(&self) -> Vec<Value> {
        match &self.place {
            Place::Simulated(simulated) => simulated.history(),
            Place::Real { stage, .. } => stage.history(),
        }
    }

    /// For the person who reads a failure: what the operator logged, or on the simulated stage every call of it.
    pub(crate) fn log(&self) -> String {
        match &self.place {
            Place::Simulated(simulated) => simulated.calls(),
            Place::Real { stage, .. } => stage.log(),
        }
    }

    /// An EntraTenant of this name that reaches the tenant, as YAML.
    pub(crate) fn tenant_manifest(&self, name: &str) -> String {
        match &self.place {
            Place::Simulated(_) => Credentials::default().tenant_manifest(name),
            Place::Real { stage, .. } => stage.tenant_manifest(name),
        }
    }

    /// Runs a command line that a message names.
    pub(crate) fn run(&self, line: &str) -> std::result::Result<(), Box<dyn std::error::Error>> {
        command::run(self, line)
    }

    // Time.

    /// Lets this time pass.
    pub(crate) fn pass(&self, time: Duration) -> Result<()> {
        match &self.place {
            Place::Simulated(simulated) => simulated.pass(time),
            Place::Real { .. } => {
                thread::sleep(time);
                Ok(())
            }
        }
    }

    /// How much time has passed since the stage began.
    pub(crate) fn age(&self) -> Duration {
        match &self.place {
            Place::Simulated(simulated) => simulated.age(),
            Place::Real { began, .. } => began.elapsed(),
        }
    }

    /// What time it is.
    pub(crate) fn time(&self) -> Timestamp {
        match &self.place {
            Place::Simulated(simulated) => simulated.now(),
            Place::Real { .. } => Timestamp::now(),
        }
    }

    /// Looks again and again until `look` answers `Ok`, or the deadline passes; the last of what it saw instead is part
    /// of the error.
    pub(crate) fn wait_for<T, S: Display>(
        &self,
        what: &str,
        deadline: Duration,
        look: impl FnMut() -> std::result::Result<T, S>,
    ) -> Result<T> {
        match &self.place {
            Place::Simulated(simulated) => simulated.wait_for(what, deadline, look),
            Place::Real { .. } => stage::wait_for(what, deadline, look),
        }
    }

    /// Waits until the object is there and `holds`; answers it as it then is.
    pub(crate) fn wait_object(
        &self,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
        what: &str,
        deadline: Duration,
        holds: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        self.wait_for(&format!("{kind} {name} {what}"), deadline, || {
            match self.get(kind, name, namespace) {
                Ok(Some(object)) if holds(&object) => Ok(object),
                Ok(Some(object)) => Err(without_managed_fields(object)),
                Ok(None) => Err(json!("no such object")),
                Err(error) => Err(json!(error.to_string())),
            }
        })
    }

    /// Waits until Ready is True for the object's present generation.
    pub(crate) fn wait_ready(
        &self,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
        deadline: Duration,
    ) -> Result<Value> {
        self.wait_object(kind, name, namespace, "to be Ready", deadline, is_ready)
    }

    /// Waits until the condition of this type has this reason, for the object's present generation.
    pub(crate) fn wait_reason(
        &self,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
        (of, reason): (&str, &str),
        deadline: Duration,
    ) -> Result<Value> {
        let what = format!("to be {of} with {reason}");
        self.wait_object(kind, name, namespace, &what, deadline, |object| {
            condition_in(object, of).is_some_and(|condition| {
                condition["reason"] == reason && condition["observedGeneration"] == object["metadata"]["generation"]
            })
        })
    }

    /// Waits until the object is gone.
    pub(crate) fn wait_gone(&self, kind: &str, name: &str, namespace: Option<&str>, deadline: Duration) -> Result<()> {
        self.wait_for(&format!("{kind} {name} to be gone"), deadline, || {
            match self.get(kind, name, namespace) {
                Ok(None) => Ok(()),
                Ok(Some(object)) => Err(without_managed_fields(object)),
                Err(error) => Err(json!(error.to_string())),
            }
        })
    }
}

fn without_managed_fields(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    object
}

fn not_real() -> Error {
    Error::Build("only the real stage has this part: start it by `real_stage`".to_owned())
}

/// The tenant, for as long as a sentence looks at it or does something there.
pub(crate) struct Emulator<'a> {
    entra: &'a Entra,
    // What is done in the tenant is done at the simulated time.
    time: Option<EnterGuard<'a>>,
}

impl Deref for Emulator<'_> {
    type Target = Entra;

    fn deref(&self) -> &Entra {
        self.entra
    }
}

/// The switch that the simulated stage keeps for itself: credentials keep their tokens by the machine's clock.
const TOKEN_LIFETIME: &str = "tokenLifetime";

impl Emulator<'_> {
    /// Replaces all quirks: an object of name to value.
    pub(crate) fn set_quirks(&self, quirks: &Value) -> Result<()> {
        let mut quirks = quirks.clone();
        if self.time.is_some() && quirks.get(TOKEN_LIFETIME).is_none() {
            quirks[TOKEN_LIFETIME] = self.entra.quirks()[TOKEN_LIFETIME].clone();
        }
        self.entra.set_quirks(&quirks)
    }

    /// The quirks that are left.
    pub(crate) fn quirks(&self) -> Value {
        let mut quirks = self.entra.quirks();
        if let (Some(quirks), true) = (quirks.as_object_mut(), self.time.is_some()) {
            quirks.remove(TOKEN_LIFETIME);
        }
        quirks
    }
}
