//! What people do, as data: a list of acts that can be replayed, disturbed and cut short.

mod extensions;
mod roles;
mod separation;
mod sites;
mod stories;

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{Restless, Stage};

/// Every scenario.
#[must_use]
pub fn scenarios() -> Vec<Scenario> {
    [
        stories::scenarios(),
        separation::scenarios(),
        extensions::scenarios(),
        roles::scenarios(),
        sites::scenarios(),
    ]
    .concat()
}

/// One thing that somebody does, or a time in which nobody does anything.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// `kubectl apply`.
    Apply(Value),
    /// `kubectl apply` of what the API server refuses.
    Refused(Value),
    /// `kubectl patch`, as the administrator; also of a status.
    Patch(Target, Value),
    /// Somebody who may write status, or a restored backup, puts the status of one object into another.
    CopyStatus(Target, Target),
    /// `kubectl delete`.
    Delete(Target),
    /// Somebody makes this in the portal.
    PortalCreate(&'static str, Value),
    /// Somebody changes the element of this collection and name in the portal.
    PortalPatch(&'static str, &'static str, Value),
    /// Somebody deletes the element of this collection and name in the portal.
    PortalDelete(&'static str, &'static str),
    /// The service behaves otherwise from now on.
    Quirks(Value),
    /// Time passes.
    Pass(Duration),
    /// Time passes until nothing happens any more.
    Settle,
    /// The same, and until everything is Ready, for so many minutes more as somebody waits ([`PATIENCE`]).
    AllReady,
}

/// An object of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: &'static str,
    /// Its namespace; none for a kind of the cluster's own.
    pub namespace: Option<&'static str>,
    /// Its name.
    pub name: &'static str,
}

/// A story that has a right end.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// By which it is asked for.
    pub name: &'static str,
    /// What happens, in order.
    pub acts: Vec<Act>,
    /// What Entra must hold at the end, by how it begins in [`crate::judge::Picture::entra`]; whatever the operator is like.
    pub holds: &'static [&'static str],
    /// What Entra must not hold at the end.
    pub lacks: &'static [&'static str],
}

/// Why a story could not be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// An act was refused that should not be, or the other way round: the story is wrong.
    Act(String),
    /// It did not come to rest.
    Restless(Restless),
}

impl From<Restless> for Broken {
    fn from(restless: Restless) -> Self {
        Self::Restless(restless)
    }
}

impl Scenario {
    /// Plays it to its end, and two drift intervals beyond: what then still changes is no end.
    ///
    /// # Errors
    /// Where an act goes otherwise than it should, or there is no end.
    pub async fn play(&self, stage: &mut Stage) -> Result<(), Broken> {
        for act in &self.acts {
            let mut played = act.play(stage).await;
            if act.is_by_hand() {
                // Whoever does something by hand comes back where what it is done to is not there yet.
                for _ in 0..PATIENCE {
                    if played.is_ok() {
                        break;
                    }
                    stage.pass(Duration::from_secs(60)).await?;
                    played = act.play(stage).await;
                }
                stage.wire.look();
            }
            played?;
        }
        stage.settle().await?;
        // Twice: the first may end what somebody has waited for, and what came of it is compared in the second.
        for _ in 0..2 {
            stage.pass(Duration::from_secs(15 * 60)).await?;
            stage.settle().await?;
        }
        Ok(())
    }
}

/// How many minutes somebody waits for what is not there, or not Ready yet.
const PATIENCE: u32 = 20;

impl Act {
    /// Whether it changes the tenant beside the operator.
    fn is_by_hand(&self) -> bool {
        match self {
            Self::PortalCreate(..) | Self::PortalPatch(..) | Self::PortalDelete(..) => true,
            Self::Apply(_)
            | Self::Refused(_)
            | Self::Patch(..)
            | Self::CopyStatus(..)
            | Self::Delete(_)
            | Self::Quirks(_)
            | Self::Pass(_)
            | Self::Settle
            | Self::AllReady => false,
        }
    }

    async fn play(&self, stage: &mut Stage) -> Result<(), Broken> {
        let wrong = |what: &dyn std::fmt::Debug| Broken::Act(format!("{self:?}: {what:?}"));
        match self {
            Self::Apply(object) => stage.cluster.apply(object).map(drop).map_err(|refusal| wrong(&refusal)),
            Self::Refused(object) => match stage.cluster.apply(object) {
                Err(_) => Ok(()),
                Ok(_) => Err(wrong(&"it was taken")),
            },
            Self::Patch(at, patch) => stage
                .cluster
                .patch(at.kind, at.name, at.namespace, patch)
                .map(drop)
                .map_err(|refusal| wrong(&refusal)),
            Self::CopyStatus(from, to) => {
                let original = stage.cluster.get(from.kind, from.name, from.namespace);
                let status = original.map(|object| object["status"].clone());
                let patch = json!({"status": status});
                stage
                    .cluster
                    .patch(to.kind, to.name, to.namespace, &patch)
                    .map(drop)
                    .map_err(|refusal| wrong(&refusal))
            }
            Self::Delete(at) => stage
                .cluster
                .delete(at.kind, at.name, at.namespace)
                .map_err(|refusal| wrong(&refusal)),
            Self::PortalCreate(collection, element) => stage
                .entra
                .create(collection, named(stage, element))
                .map(drop)
                .map_err(|refusal| wrong(&refusal)),
            Self::PortalPatch(collection, name, changes) => {
                let id = element(stage, collection, name).ok_or_else(|| wrong(&"it is not there"))?;
                let changed = stage.entra.patch(collection, &id, changes.clone());
                changed.map(drop).map_err(|refusal| wrong(&refusal))
            }
            Self::PortalDelete(collection, name) => {
                let id = element(stage, collection, name).ok_or_else(|| wrong(&"it is not there"))?;
                stage.entra.delete(collection, &id).map_err(|refusal| wrong(&refusal))
            }
            Self::Quirks(quirks) => {
                let mut all = serde_json::to_value(stage.entra.quirks()).unwrap_or_default();
                if let (Some(all), Some(new)) = (all.as_object_mut(), quirks.as_object()) {
                    all.extend(new.clone());
                }
                let quirks = graph_emulator::Quirks::from_json(all).map_err(|refusal| wrong(&refusal))?;
                stage.entra.set_quirks(quirks);
                Ok(())
            }
            Self::Pass(time) => Ok(stage.pass(*time).await?),
            Self::Settle => Ok(stage.settle().await?),
            Self::AllReady => {
                stage.settle().await?;
                for _ in 0..PATIENCE {
                    if !stage
                        .conditions()
                        .iter()
                        .any(|said| said.contains(" \"Ready\"=\"False\""))
                    {
                        break;
                    }
                    stage.pass(Duration::from_secs(60)).await?;
                }
                Ok(())
            }
        }
    }
}

/// With the id in place of `@collection/name`.
fn named(stage: &Stage, value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), named(stage, value)))
            .collect(),
        Value::String(text) => {
            let id = text
                .strip_prefix('@')
                .and_then(|path| path.split_once('/'))
                .and_then(|(collection, name)| element(stage, collection, name));
            id.map_or_else(|| value.clone(), Value::String)
        }
        other => other.clone(),
    }
}

fn element(stage: &Stage, collection: &str, name: &str) -> Option<String> {
    let elements = stage.entra.part(collection)?;
    let named = elements
        .as_array()?
        .iter()
        .find(|element| element["displayName"] == name)?;
    named["id"].as_str().map(str::to_owned)
}
