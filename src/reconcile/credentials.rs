//! The credentials that an EntraTenant names. Secrets are read in the operator's own namespace and nowhere else.

use k8s_openapi::api::core::v1::Secret as KubernetesSecret;
use kube::{Api, Client};

use super::halt::{Halt, Retry, Step, kubernetes};
use crate::{
    api::{EntraTenant, Reason},
    graph::Credential,
    plan::Problem,
};

/// The Secrets of the operator's namespace.
pub(crate) struct Secrets {
    namespace: String,
    api: Api<KubernetesSecret>,
}

impl Secrets {
    pub(crate) fn new(client: Client, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            api: Api::namespaced(client, namespace),
        }
    }

    async fn get(&self, name: &str) -> Step<Option<KubernetesSecret>> {
        self.api
            .get_opt(name)
            .await
            .map_err(|error| kubernetes(&format!("reading Secret {name}"), &error))
    }
}

/// Reads the credentials that the spec names.
pub(crate) async fn credential(secrets: &Secrets, object: &EntraTenant) -> Step<Credential> {
    let credentials = &object.spec.credentials;
    if let Some(identity) = &credentials.workload_identity {
        return Ok(Credential::WorkloadIdentity {
            client_id: identity.client_id.clone(),
            token_file: None,
        });
    }
    if let Some(identity) = &credentials.managed_identity {
        return Ok(Credential::ManagedIdentity {
            client_id: identity.client_id.clone(),
        });
    }
    if let Some(secret) = &credentials.client_secret {
        let field = "spec.credentials.clientSecret.secretRef";
        let found = read_secret(secrets, field, &secret.secret_ref.name).await?;
        let value = key(
            &found,
            field,
            &secret.secret_ref.name,
            &secret.secret_ref.key,
            &secrets.namespace,
        )?;
        return Ok(Credential::ClientSecret {
            client_id: secret.client_id.clone(),
            secret: value.trim().into(),
        });
    }
    if let Some(certificate) = &credentials.client_certificate {
        let field = "spec.credentials.clientCertificate.secretRef";
        let name = &certificate.secret_ref.name;
        let found = read_secret(secrets, field, name).await?;
        let namespace = &secrets.namespace;
        let pem = format!(
            "{}\n{}",
            key(&found, field, name, "tls.crt", namespace)?,
            key(&found, field, name, "tls.key", namespace)?
        );
        return Ok(Credential::ClientCertificate {
            client_id: certificate.client_id.clone(),
            pem: pem.into(),
        });
    }
    Err(Halt::reference(Problem::new(
        Reason::InvalidSpec,
        "spec.credentials: exactly one of workloadIdentity, clientSecret, clientCertificate, managedIdentity is needed",
    )))
}

async fn read_secret(secrets: &Secrets, field: &str, name: &str) -> Step<KubernetesSecret> {
    let namespace = &secrets.namespace;
    secrets.get(name).await?.ok_or_else(|| {
        missing(format!(
            "{field}: no Secret {name:?} in namespace {namespace}, where the operator runs; create it there"
        ))
    })
}

fn key(secret: &KubernetesSecret, field: &str, name: &str, key: &str, namespace: &str) -> Step<String> {
    let bytes = secret.data.as_ref().and_then(|data| data.get(key)).ok_or_else(|| {
        missing(format!(
            "{field}: Secret {namespace}/{name} has no key {key:?}; add it, or name another key"
        ))
    })?;
    String::from_utf8(bytes.0.clone())
        .map_err(|_| missing(format!("{field}: key {key:?} of Secret {namespace}/{name} is not text")))
}

fn missing(message: String) -> Halt {
    Halt::reference(Problem::new(Reason::CredentialsMissing, message)).retried(Retry::Backoff)
}
