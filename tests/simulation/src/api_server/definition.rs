//! The custom resources, as `crds/` defines them.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use serde_json::Value;

use super::{
    resource::{Nature, Resource},
    schema::Schema,
};

/// What the project ships.
const SHIPPED: [&str; 5] = [
    include_str!("../../../../crds/entratenants.yaml"),
    include_str!("../../../../crds/catalogs.yaml"),
    include_str!("../../../../crds/connectedorganizations.yaml"),
    include_str!("../../../../crds/accesspackages.yaml"),
    include_str!("../../../../crds/assignmentpolicies.yaml"),
];

/// Custom resources with their schemas, compiled. Clones share them.
#[derive(Clone, Debug)]
pub struct Definitions(Arc<Vec<Resource>>);

/// A definition that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionError(pub(super) String);

impl fmt::Display for DefinitionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for DefinitionError {}

/// Whether rules in CEL are part of the schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    Kept,
    LeftOut,
}

impl Definitions {
    /// Those of `crds/`, compiled once in a process.
    ///
    /// # Panics
    /// Where one of them cannot be served: then nothing of the project works.
    #[must_use]
    pub fn shipped() -> Self {
        static COMPILED: OnceLock<Definitions> = OnceLock::new();
        COMPILED.get_or_init(|| expect_shipped(Rules::Kept)).clone()
    }

    /// Those of `crds/` without their rules in CEL, as those of an older version have none.
    ///
    /// # Panics
    /// As [`Self::shipped`].
    #[must_use]
    pub fn without_rules() -> Self {
        static COMPILED: OnceLock<Definitions> = OnceLock::new();
        COMPILED.get_or_init(|| expect_shipped(Rules::LeftOut)).clone()
    }

    /// These CustomResourceDefinitions, each a YAML document.
    ///
    /// # Errors
    /// Where one cannot be read, or its schema not be compiled.
    pub fn from_yaml(documents: &[&str]) -> Result<Self, DefinitionError> {
        Self::compile(documents, Rules::Kept)
    }

    fn compile(documents: &[&str], rules: Rules) -> Result<Self, DefinitionError> {
        let read = documents.iter().map(|document| read(document, rules));
        Ok(Self(Arc::new(read.collect::<Result<_, _>>()?)))
    }

    pub(super) fn resources(&self) -> &[Resource] {
        &self.0
    }
}

#[expect(
    clippy::panic,
    reason = "without its own definitions nothing of the project can be simulated"
)]
fn expect_shipped(rules: Rules) -> Definitions {
    Definitions::compile(&SHIPPED, rules).unwrap_or_else(|error| panic!("crds/: {error}"))
}

/// The version that is stored; it is the one that is served.
fn read(document: &str, rules: Rules) -> Result<Resource, DefinitionError> {
    let definition: Value = serde_saphyr::from_str(document).map_err(|error| DefinitionError(error.to_string()))?;
    let spec = &definition["spec"];
    let text = |value: &Value, name: &str| {
        let text = value.as_str().map(str::to_owned);
        text.ok_or_else(|| DefinitionError(format!("{name} is missing in {}", definition["metadata"]["name"])))
    };
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let version = versions.iter().find(|version| version["storage"] == true);
    let version = version.ok_or_else(|| DefinitionError("no version is stored".to_owned()))?;
    let mut schema = version["schema"]["openAPIV3Schema"].clone();
    if rules == Rules::LeftOut {
        leave_rules_out(&mut schema);
    }
    Ok(Resource {
        group: text(&spec["group"], "spec.group")?,
        version: text(&version["name"], "the version's name")?,
        plural: text(&spec["names"]["plural"], "spec.names.plural")?,
        kind: text(&spec["names"]["kind"], "spec.names.kind")?,
        is_namespaced: spec["scope"] == "Namespaced",
        nature: Nature::Custom(Arc::new(Schema::compile(&schema)?)),
    })
}

fn leave_rules_out(node: &mut Value) {
    match node {
        Value::Object(fields) => {
            fields.remove("x-kubernetes-validations");
            fields.values_mut().for_each(leave_rules_out);
        }
        Value::Array(items) => items.iter_mut().for_each(leave_rules_out),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
