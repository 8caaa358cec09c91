//! The credentials and the bearer token.

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_core::time::OffsetDateTime;
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use tokio::time::Instant;

use super::certificate::CertificateAssertion;
use super::cloud::Endpoint;
use super::error::{GraphError, GraphErrorKind, first_line};
use super::line::Line;
use super::token_retry::TokenRetry;
use crate::chance::Chance;
use crate::clock::Clock;

/// How long one token may take in all, retries included, so that nothing waits for a dead authority.
const TOKEN_DEADLINE: Duration = Duration::from_secs(15);
/// A token that Graph refuses is made anew once in this time: a tenant that accepts none is not signed in to for ever.
const REFUSED_AGAIN: Duration = Duration::from_secs(60);

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
    fn build(self, endpoint: &Endpoint, tenant_id: &str, way: &Way) -> Result<Arc<dyn TokenCredential>, GraphError> {
        let options = client_options(endpoint, way);
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
                let assertion = CertificateAssertion::new(&pem, client_id.clone(), audience, way)
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

/// What requests for a token go by.
#[derive(Debug, Clone)]
pub(super) struct Way {
    pub(super) line: Line,
    pub(super) clock: Clock,
    pub(super) chance: Chance,
}

fn client_options(endpoint: &Endpoint, way: &Way) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = endpoint.authority();
    ClientOptions {
        cloud: Some(Arc::new(cloud.into())),
        transport: Some(Transport::new(Arc::new(way.line.clone()))),
        retry: RetryOptions::custom(Arc::new(TokenRetry::new(way.chance.clone()))),
        ..ClientOptions::default()
    }
}

/// A token as it is sent, and which sign-in it is of.
pub(super) struct Bearer {
    pub(super) secret: Secret,
    pub(super) generation: u64,
}

/// The sign-in of one tenant: the credential in use, which keeps its token, and what it takes to make it anew, which is
/// the only way to a fresh token while the old one is in its time.
pub(super) struct SignIn {
    credential: Credential,
    endpoint: Endpoint,
    tenant_id: String,
    way: Way,
    current: Mutex<Current>,
}

struct Current {
    credential: Arc<dyn TokenCredential>,
    generation: u64,
    /// The end of the token in use, and when it was first used.
    token: Option<(OffsetDateTime, Instant)>,
    /// When a token was last made anew because Graph had refused the one before.
    refused: Option<Instant>,
    /// Something was forbidden to the token in use: consent that is given since shows in a fresh one only.
    forbidden: bool,
}

impl SignIn {
    /// Makes the credential. Sends nothing.
    pub(super) fn new(
        credential: Credential,
        endpoint: &Endpoint,
        tenant_id: &str,
        way: Way,
    ) -> Result<Self, GraphError> {
        let first = credential.clone().build(endpoint, tenant_id, &way)?;
        Ok(Self {
            credential,
            endpoint: endpoint.clone(),
            tenant_id: tenant_id.to_owned(),
            way,
            current: Mutex::new(Current {
                credential: first,
                generation: 0,
                token: None,
                refused: None,
                forbidden: false,
            }),
        })
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the token in use has been in use; none before the first.
    pub(super) fn age(&self) -> Option<Duration> {
        self.current().token.map(|(_, since)| self.way.clock.since(since))
    }

    /// Forgets the token in use.
    pub(super) fn renew(&self) -> Result<(), GraphError> {
        let fresh = self
            .credential
            .clone()
            .build(&self.endpoint, &self.tenant_id, &self.way)?;
        let mut current = self.current();
        current.credential = fresh;
        current.generation += 1;
        current.token = None;
        current.forbidden = false;
        Ok(())
    }

    /// Graph has forbidden something to the token of this generation.
    pub(super) fn was_forbidden(&self, generation: u64) {
        let mut current = self.current();
        if current.generation == generation {
            current.forbidden = true;
        }
    }

    /// Whether something was forbidden to the token in use.
    pub(super) fn lacks_something(&self) -> bool {
        self.current().forbidden
    }

    /// Forgets the token of this generation, which Graph has refused; whether another one is worth trying: not where one
    /// was made for that reason a moment ago.
    pub(super) fn renew_refused(&self, generation: u64) -> Result<bool, GraphError> {
        {
            let mut current = self.current();
            if current.generation != generation {
                return Ok(true);
            }
            let clock = &self.way.clock;
            if current.refused.is_some_and(|at| clock.since(at) < REFUSED_AGAIN) {
                return Ok(false);
            }
            current.refused = Some(clock.instant());
        }
        self.renew().map(|()| true)
    }

    /// The bearer token, from the credential's cache while it is fresh.
    pub(super) async fn bearer(&self, operation: &'static str) -> Result<Bearer, GraphError> {
        let (credential, generation) = {
            let current = self.current();
            (Arc::clone(&current.credential), current.generation)
        };
        let scopes = [self.endpoint.cloud.scope()];
        let asked = credential.get_token(&scopes, None);
        let token = match self.way.clock.within(TOKEN_DEADLINE, asked).await {
            Some(Ok(token)) => token,
            Some(Err(error)) => return Err(token_error(operation, &error)),
            None => {
                return Err(GraphError::new(
                    GraphErrorKind::AuthorityUnreachable,
                    operation,
                    format!("no token within {} s", TOKEN_DEADLINE.as_secs()),
                ));
            }
        };
        let secret = Secret(token.token.secret().to_owned());
        self.check_tenant(&secret, operation)?;
        let mut current = self.current();
        // The first token is new, as is one of another end.
        if current.generation == generation && current.token.is_none_or(|(known, _)| known != token.expires_on) {
            current.token = Some((token.expires_on, self.way.clock.instant()));
        }
        Ok(Bearer { secret, generation })
    }

    /// A token of another tenant would let this one's objects be made there.
    fn check_tenant(&self, secret: &Secret, operation: &'static str) -> Result<(), GraphError> {
        let told = TokenClaims::decode(secret, operation)
            .ok()
            .and_then(|claims| claims.tenant_id);
        let refused = |message: String| Err(GraphError::new(GraphErrorKind::TokenRefused, operation, message));
        match (told, &self.credential) {
            (Some(tenant), _) if tenant.eq_ignore_ascii_case(&self.tenant_id) => Ok(()),
            (Some(tenant), _) => refused(format!(
                "the credential signs in to tenant {tenant}, but tenantId is {}: nothing was sent; use a credential of that tenant, or create an EntraTenant with tenantId: {tenant}",
                self.tenant_id
            )),
            // The authority was asked for a token of this tenant by its path.
            (
                None,
                Credential::WorkloadIdentity { .. }
                | Credential::ClientSecret { .. }
                | Credential::ClientCertificate { .. },
            ) => Ok(()),
            // A machine's identity belongs to whichever tenant the machine does.
            (None, Credential::ManagedIdentity { .. }) => refused(format!(
                "the machine's token does not tell its tenant, so it may not be that of tenant {}: nothing was sent",
                self.tenant_id
            )),
        }
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
                _ => {} // neither answered nor cut off: the words alone tell
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
        (Some(_), None) | (None, _) => first_line(chain.last().map_or("", String::as_str)),
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
    /// Template ids of the directory roles that the service principal holds.
    pub directory_roles: Vec<String>,
}

/// What every application's token has in place of a directory role.
const NO_DIRECTORY_ROLE: &str = "0997a1d0-0d1d-4acb-b408-d5ca73121e90";

impl TokenClaims {
    /// Whether the application may read all of entitlement management, and not only where it holds a role on a catalog.
    #[must_use]
    pub fn reads_all(&self) -> bool {
        self.roles
            .iter()
            .any(|role| [super::READ, super::WRITE].contains(&role.as_str()))
    }

    /// Whether the application may write anywhere in entitlement management, and not only where it holds a role on a catalog: by
    /// a permission for the whole tenant, or by a directory role, of which it is not known here what it allows.
    #[must_use]
    pub fn is_tenant_wide(&self) -> bool {
        let mut directory_roles = self.directory_roles.iter();
        self.roles.iter().any(|role| role == super::WRITE)
            || directory_roles.any(|role| !role.eq_ignore_ascii_case(NO_DIRECTORY_ROLE))
    }

    /// Reads the claims without verifying the signature: Graph does that; by them it is only decided what an answer of Graph
    /// can mean.
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
            #[serde(default)]
            wids: Vec<String>,
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
                     wids,
                 }| Self {
                    roles,
                    app_id: appid.or(azp),
                    object_id: oid,
                    tenant_id: tid,
                    directory_roles: wids,
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
