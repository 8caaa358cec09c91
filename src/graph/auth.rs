//! The credentials and the bearer token.

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};
use azure_core::time::OffsetDateTime;
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::certificate::CertificateAssertion;
use super::cloud::Endpoint;
use super::error::{GraphError, GraphErrorKind, first_line};

/// How long one token may take in all, retries included, so that nothing waits for a dead authority.
const TOKEN_DEADLINE: Duration = Duration::from_secs(15);

/// A value that no output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself: for the request that carries it, never for an output.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// How the operator proves who it is. Debug output shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A Kubernetes service account token, exchanged at the authority.
    WorkloadIdentity {
        /// The application (client) id.
        client_id: String,
        /// The projected token; `None` reads the path from `AZURE_FEDERATED_TOKEN_FILE`.
        token_file: Option<PathBuf>,
    },
    /// A client secret.
    ClientSecret {
        /// The application (client) id.
        client_id: String,
        /// The secret's value.
        secret: Secret,
    },
    /// A certificate with its RSA key.
    ClientCertificate {
        /// The application (client) id.
        client_id: String,
        /// PEM with the certificate and its PKCS#8 or PKCS#1 key.
        pem: Secret,
    },
    /// The identity of the machine.
    ManagedIdentity {
        /// The client id of a user-assigned identity; `None` is the system-assigned one.
        client_id: Option<String>,
    },
}

impl Credential {
    /// The credential of azure_identity for this tenant and authority. Sends nothing.
    pub(super) fn build(
        self,
        endpoint: &Endpoint,
        tenant_id: &str,
        http: &reqwest::Client,
    ) -> Result<Arc<dyn TokenCredential>, GraphError> {
        let options = client_options(endpoint, http);
        let built: azure_core::Result<Arc<dyn TokenCredential>> = match self {
            Self::WorkloadIdentity { client_id, token_file } => {
                WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions {
                        client_options: options,
                    },
                    client_id: Some(client_id),
                    tenant_id: Some(tenant_id.to_owned()),
                    token_file_path: token_file,
                }))
                .map(|credential| credential as Arc<dyn TokenCredential>)
            }
            Self::ClientSecret { client_id, secret } => ClientSecretCredential::new(
                tenant_id,
                client_id,
                azure_core::credentials::Secret::new(secret.expose().to_owned()),
                Some(ClientSecretCredentialOptions {
                    client_options: options,
                }),
            )
            .map(|credential| credential as Arc<dyn TokenCredential>),
            Self::ClientCertificate { client_id, pem } => {
                let audience = format!("{}/{tenant_id}/oauth2/v2.0/token", endpoint.authority());
                let assertion = CertificateAssertion::new(&pem, client_id.clone(), audience)
                    .map_err(|why| unusable(format!("the client certificate is unusable: {why}")))?;
                ClientAssertionCredential::new(
                    tenant_id.to_owned(),
                    client_id,
                    assertion,
                    Some(ClientAssertionCredentialOptions {
                        client_options: options,
                    }),
                )
                .map(|credential| credential as Arc<dyn TokenCredential>)
            }
            Self::ManagedIdentity { client_id } => {
                ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.map(UserAssignedId::ClientId),
                    client_options: options,
                }))
                .map(|credential| credential as Arc<dyn TokenCredential>)
            }
        };
        built.map_err(|error| unusable(first_line(&error.to_string())))
    }
}

fn unusable(message: String) -> GraphError {
    GraphError::new(GraphErrorKind::TokenRefused, "token", message)
}

fn client_options(endpoint: &Endpoint, http: &reqwest::Client) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = endpoint.authority();
    ClientOptions {
        cloud: Some(Arc::new(cloud.into())),
        transport: Some(Transport::new(Arc::new(http.clone()))),
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            max_retries: 3,
            max_total_elapsed: azure_core::time::Duration::seconds(10),
            max_delay: azure_core::time::Duration::seconds(4),
            ..ExponentialRetryOptions::default()
        }),
        ..ClientOptions::default()
    }
}

/// The bearer token for this scope, from the credential's cache while it is fresh, and when it expires.
pub(super) async fn bearer(
    credential: &dyn TokenCredential,
    scope: &str,
    operation: &'static str,
) -> Result<(Secret, OffsetDateTime), GraphError> {
    match tokio::time::timeout(TOKEN_DEADLINE, credential.get_token(&[scope], None)).await {
        Ok(Ok(token)) => Ok((Secret(token.token.secret().to_owned()), token.expires_on)),
        Ok(Err(error)) => Err(token_error(operation, &error)),
        Err(_) => Err(GraphError::new(
            GraphErrorKind::AuthorityUnreachable,
            operation,
            format!("no token within {} s", TOKEN_DEADLINE.as_secs()),
        )),
    }
}

/// Tells a refusal, which needs a person, from an outage. The authority's answer is not kept as a source: only its
/// code and first line leave this function.
fn token_error(operation: &'static str, error: &azure_core::Error) -> GraphError {
    let mut chain = Vec::new();
    let mut status = None;
    let mut unreachable = false;
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(azure) = current.downcast_ref::<azure_core::Error>() {
            match azure.kind() {
                ErrorKind::HttpResponse { status: answered, .. } => status = Some(u16::from(*answered)),
                ErrorKind::Connection | ErrorKind::Io => unreachable = true,
                _ => {}
            }
        }
        chain.push(current.to_string());
        next = current.source();
    }
    let described = chain.iter().find_map(|text| text.find("AADSTS").map(|at| &text[at..]));
    let code = described.map(|text| {
        let digits = text["AADSTS".len()..].bytes().take_while(u8::is_ascii_digit).count();
        text[.."AADSTS".len() + digits].to_owned()
    });
    // Microsoft puts the ids of the attempt behind the sentence, sometimes on the same line.
    let message = match (described, &code) {
        (Some(text), Some(code)) => {
            let sentence = text[code.len()..].trim_start_matches([':', ' ']);
            first_line(sentence.split(" Trace ID:").next().unwrap_or(sentence))
        }
        _ => first_line(chain.last().map_or("", String::as_str)),
    };
    let outage = status.is_some_and(|status| status == 429 || status == 408 || status >= 500);
    let kind = if outage || (code.is_none() && status.is_none() && unreachable) {
        GraphErrorKind::AuthorityUnreachable
    } else {
        GraphErrorKind::TokenRefused
    };
    let mut refused = GraphError::new(kind, operation, message);
    refused.status = status;
    refused.code = code;
    refused
}

/// What the access token says about the caller: what a person needs to see which permissions were granted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenClaims {
    /// The application permissions that were consented to.
    pub roles: Vec<String>,
    /// The application (client) id.
    pub app_id: Option<String>,
    /// The object id of the service principal.
    pub object_id: Option<String>,
    /// The tenant that issued the token.
    pub tenant_id: Option<String>,
}

impl TokenClaims {
    /// Reads the claims without verifying the signature: Graph does that; nothing is decided by them here.
    pub(super) fn decode(token: &Secret, operation: &'static str) -> Result<Self, GraphError> {
        #[derive(Deserialize)]
        struct Payload {
            #[serde(default)]
            roles: Vec<String>,
            appid: Option<String>,
            /// What version 2.0 tokens call it.
            azp: Option<String>,
            oid: Option<String>,
            tid: Option<String>,
        }
        token
            .expose()
            .split('.')
            .nth(1)
            .and_then(|payload| URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok())
            .and_then(|payload| serde_json::from_slice::<Payload>(&payload).ok())
            .map(
                |Payload {
                     roles,
                     appid,
                     azp,
                     oid,
                     tid,
                 }| Self {
                    roles,
                    app_id: appid.or(azp),
                    object_id: oid,
                    tenant_id: tid,
                },
            )
            .ok_or_else(|| {
                GraphError::new(
                    GraphErrorKind::InvalidResponse,
                    operation,
                    "the token is not a readable JWT",
                )
            })
    }
}
