//! The Entra token endpoint (client credentials) and the check of its tokens.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::{constant_time, digest, hmac, signature};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::caller::Caller;
use crate::store::{Kind, Store, same, text};
use crate::world::{Application, World};

const LIFETIME: i64 = 3599;
/// Clocks differ by this much at most, in seconds.
const SKEW: i64 = 300;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const RESOURCES: [&str; 4] = [
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
];

/// Signs and checks the emulator's own tokens.
pub(crate) struct Signer {
    key: hmac::Key,
    issued: AtomicU64,
}

/// A refusal of the token endpoint.
#[derive(Debug)]
pub(crate) struct TokenError {
    status: u16,
    error: &'static str,
    number: u32,
    message: String,
}

impl TokenError {
    fn new(status: u16, error: &'static str, number: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            error,
            number,
            message: message.into(),
        }
    }
}

/// The token endpoint's answer.
pub(crate) struct TokenAnswer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) client: Option<String>,
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?).ok()
}

impl Signer {
    pub(crate) fn new() -> Self {
        // Two random GUIDs: 32 bytes that nobody else knows.
        let secret: Vec<u8> = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()]
            .iter()
            .flat_map(|id| *id.as_bytes())
            .collect();
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &secret),
            issued: AtomicU64::new(0),
        }
    }

    /// How many tokens there are by now.
    pub(crate) fn issued(&self) -> u64 {
        self.issued.load(Ordering::SeqCst)
    }

    fn sign(&self, claims: &Value) -> String {
        let head = format!("{}.{}", encode(&json!({"alg": "HS256", "typ": "JWT"})), encode(claims));
        let tag = hmac::sign(&self.key, head.as_bytes());
        format!("{head}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// The caller that a bearer token names.
    ///
    /// # Errors
    ///
    /// The message of `InvalidAuthenticationToken`.
    pub(crate) fn verify(&self, token: &str, now: i64) -> Result<Caller, &'static str> {
        let (head, tag) = token.rsplit_once('.').ok_or("IDX14100: JWT is not well formed.")?;
        let tag = URL_SAFE_NO_PAD
            .decode(tag)
            .map_err(|_| "Access token validation failure. Invalid signature.")?;
        hmac::verify(&self.key, head.as_bytes(), &tag)
            .map_err(|_| "Access token validation failure. Invalid signature.")?;
        let claims = head
            .split_once('.')
            .and_then(|(_, claims)| decode(claims))
            .ok_or("IDX14100: JWT is not well formed.")?;
        if claims.get("exp").and_then(Value::as_i64).is_none_or(|exp| exp <= now) {
            return Err("Lifetime validation failed, the token is expired.");
        }
        let word = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let roles = claims.get("roles").and_then(Value::as_array).into_iter().flatten();
        Ok(Caller {
            client_id: word("appid"),
            object_id: word("oid"),
            permissions: roles.filter_map(Value::as_str).map(str::to_owned).collect(),
            token_number: claims.get("rh").and_then(Value::as_u64).unwrap_or_default(),
        })
    }

    /// A token for an application, as the endpoint gives it.
    fn issue(&self, world: &World, store: &Store, application: &Application, audience: &str, lifetime: i64) -> String {
        let object_id = store
            .all(Kind::ServicePrincipals)
            .find(|principal| same(text(principal, "appId"), &application.client_id))
            .map(|principal| text(principal, "id").to_owned());
        let now = store.clock.seconds();
        let number = self.issued.fetch_add(1, Ordering::SeqCst);
        self.sign(
            &json!({"aud": audience, "iss": format!("https://sts.windows.net/{}/", world.tenant.id), "iat": now,
            "nbf": now, "exp": now + lifetime, "appid": application.client_id, "oid": object_id, "sub": object_id,
            "tid": world.tenant.id, "idtyp": "app", "roles": application.app_permissions, "ver": "1.0", "rh": number,
            "app_displayname": application.display_name, "uti": uuid::Uuid::new_v4().simple().to_string()}),
        )
    }
}

/// Reads a form; fields that are not known are ignored, as the service does.
pub(crate) fn form(body: &[u8]) -> BTreeMap<String, String> {
    String::from_utf8_lossy(body)
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (crate::odata::decoded(name), crate::odata::decoded(value)))
        .collect()
}

/// A form as the log may show it.
pub(crate) fn without_secrets(form: &BTreeMap<String, String>) -> Value {
    form.iter()
        .filter(|(name, _)| !matches!(name.as_str(), "client_secret" | "client_assertion"))
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The description of the endpoints, which MSAL-based clients always fetch.
pub(crate) fn openid_configuration(world: &World, authority: &str) -> Value {
    let tenant = &world.tenant.id;
    let base = format!("{authority}/{tenant}");
    json!({"issuer": format!("{base}/v2.0"), "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["code"], "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"], "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com"})
}

/// What an endpoint in trouble answers.
pub(crate) fn unavailable(message: &str) -> Value {
    json!({"error": "temporarily_unavailable", "error_description": format!("AADSTS90033: {message}"),
        "error_codes": [90033]})
}

/// Whether the path's tenant is this world's.
pub(crate) fn is_tenant(world: &World, name: &str) -> bool {
    same(name, &world.tenant.id) || same(name, &world.tenant.domain)
}

/// Answers a token request.
pub(crate) fn answer(
    signer: &Signer,
    world: &World,
    store: &Store,
    authority: &str,
    tenant: &str,
    fields: &BTreeMap<String, String>,
    lifetime: Option<i64>,
) -> TokenAnswer {
    let client = fields.get("client_id").cloned();
    match grant(world, store.clock.seconds(), authority, tenant, fields) {
        Ok((application, audience)) => {
            let lifetime = lifetime.unwrap_or(LIFETIME);
            TokenAnswer {
                status: 200,
                body: json!({"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime,
                    "access_token": signer.issue(world, store, application, &audience, lifetime)}),
                client,
            }
        }
        Err(refused) => {
            let (trace, correlation) = (uuid::Uuid::new_v4().to_string(), uuid::Uuid::new_v4().to_string());
            let time = store.clock.now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
            let number = refused.number;
            let description = format!(
                "AADSTS{number}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}",
                refused.message
            );
            TokenAnswer {
                status: refused.status,
                body: json!({"error": refused.error, "error_description": description, "error_codes": [number],
                    "timestamp": time, "trace_id": trace, "correlation_id": correlation,
                    "error_uri": format!("{authority}/error?code={number}")}),
                client,
            }
        }
    }
}

fn grant<'a>(
    world: &'a World,
    now: i64,
    authority: &str,
    tenant: &str,
    fields: &BTreeMap<String, String>,
) -> Result<(&'a Application, String), TokenError> {
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    if !is_tenant(world, tenant) {
        return Err(TokenError::new(
            400,
            "invalid_request",
            90002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID \
                 and are signing into the correct cloud."
            ),
        ));
    }
    if field("grant_type") != "client_credentials" {
        return Err(TokenError::new(
            400,
            "unsupported_grant_type",
            70003,
            format!("The app requested an unsupported grant type '{}'.", field("grant_type")),
        ));
    }
    let Some(application) = world
        .applications
        .iter()
        .find(|application| same(&application.client_id, field("client_id")))
    else {
        return Err(TokenError::new(
            400,
            "unauthorized_client",
            700_016,
            format!(
                "Application with identifier '{}' was not found in the directory '{}'.",
                field("client_id"),
                world.tenant.domain
            ),
        ));
    };
    let Some(resource) = field("scope")
        .strip_suffix("/.default")
        .map(|resource| resource.trim_end_matches('/'))
    else {
        return Err(TokenError::new(
            400,
            "invalid_scope",
            70011,
            format!(
                "The provided request must include a 'scope' input parameter. The provided value for the \
                 input parameter 'scope' is not valid: '{}'.",
                field("scope")
            ),
        ));
    };
    if !RESOURCES.contains(&resource)
        && !resource.starts_with("https://localhost:")
        && !resource.starts_with("https://127.0.0.1:")
    {
        return Err(TokenError::new(
            400,
            "invalid_resource",
            500_011,
            format!(
                "The resource principal named {resource} was not found in the tenant named {}.",
                world.tenant.domain
            ),
        ));
    }
    if let Some(assertion) = fields.get("client_assertion") {
        if field("client_assertion_type") != ASSERTION_TYPE {
            return Err(TokenError::new(
                400,
                "invalid_request",
                900_144,
                "The request body must contain the following parameter: 'client_assertion_type'.",
            ));
        }
        check_assertion(application, now, authority, world, assertion)?;
    } else {
        let given = field("client_secret");
        let right = application
            .secret
            .as_ref()
            .is_some_and(|secret| constant_time::verify_slices_are_equal(secret.as_bytes(), given.as_bytes()).is_ok());
        if given.is_empty() {
            return Err(TokenError::new(
                401,
                "invalid_client",
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            ));
        }
        if !right {
            return Err(TokenError::new(
                401,
                "invalid_client",
                7_000_215,
                format!(
                    "Invalid client secret provided. Ensure the secret being sent in the request is the client \
                     secret value, not the client secret ID, for a secret added to app '{}'.",
                    application.client_id
                ),
            ));
        }
    }
    Ok((application, resource.to_owned()))
}

fn malformed() -> TokenError {
    TokenError::new(401, "invalid_client", 50027, "JWT token is invalid or malformed.")
}

fn check_assertion(
    application: &Application,
    now: i64,
    authority: &str,
    world: &World,
    assertion: &str,
) -> Result<(), TokenError> {
    let mut parts = assertion.split('.');
    let (Some(head), Some(body), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(malformed());
    };
    let (header, claims) = (decode(head).ok_or_else(malformed)?, decode(body).ok_or_else(malformed)?);
    let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| malformed())?;
    let signed = format!("{head}.{body}");
    let word = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if claims
        .get("exp")
        .and_then(Value::as_i64)
        .is_none_or(|exp| exp + SKEW < now)
        || claims
            .get("nbf")
            .and_then(Value::as_i64)
            .is_some_and(|nbf| nbf - SKEW > now)
    {
        return Err(TokenError::new(
            401,
            "invalid_client",
            700_024,
            "Client assertion is not within its valid time range.",
        ));
    }
    let (issuer, subject) = (word(&claims, "iss"), word(&claims, "sub"));
    let algorithm = word(&header, "alg");
    let by_certificate = same(&issuer, &application.client_id) && same(&subject, &application.client_id);
    if by_certificate {
        let Some(pem) = &application.certificate else {
            return Err(TokenError::new(
                401,
                "invalid_client",
                700_027,
                "The certificate with identifier used to sign the client assertion is not registered on application.",
            ));
        };
        let audiences = audiences(&claims);
        let right = audiences.iter().any(|audience| {
            let local = audience.replace("https://127.0.0.1:", "https://localhost:");
            [&world.tenant.id, &world.tenant.domain].iter().any(|tenant| {
                same(&local, &format!("{authority}/{tenant}/oauth2/v2.0/token"))
                    || same(&local, &format!("{authority}/{tenant}/v2.0"))
            })
        });
        if !right {
            return Err(TokenError::new(
                401,
                "invalid_client",
                700_023,
                format!(
                    "Client assertion audience claim does not match Realm issuer. Review \
                     the documentation at {authority}/error?code=700023."
                ),
            ));
        }
        return check_certificate(pem, now, &header, &algorithm, signed.as_bytes(), &tag);
    }
    let mismatch = |what: &str| {
        TokenError::new(
            401,
            "invalid_client",
            700_213,
            format!(
                "No matching federated identity record found for presented assertion {what}. Check your \
                 federated identity credential Subject, Audience and Issuer against the presented assertion."
            ),
        )
    };
    let Some(federated) = &application.federated else {
        return Err(mismatch(&format!("issuer '{issuer}'")));
    };
    if federated.issuer != issuer {
        return Err(mismatch(&format!("issuer '{issuer}'")));
    }
    if federated.subject != subject {
        return Err(mismatch(&format!("subject '{subject}'")));
    }
    if !audiences(&claims).contains(&federated.audience) {
        return Err(mismatch(&format!("audience '{}'", audiences(&claims).join(" "))));
    }
    if let Some(key) = &federated.public_key {
        let bad = || {
            TokenError::new(
                401,
                "invalid_client",
                700_211,
                "No matching key was found for the presented assertion's signature.",
            )
        };
        let der = pem_block(key).ok_or_else(bad)?;
        let (_, info) = x509_parser::x509::SubjectPublicKeyInfo::from_der(&der).map_err(|_| bad())?;
        verify_signature(&algorithm, &info.subject_public_key.data, signed.as_bytes(), &tag).map_err(|()| bad())?;
    }
    Ok(())
}

fn audiences(claims: &Value) -> Vec<String> {
    match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The first block of a PEM text, decoded.
fn pem_block(pem: &str) -> Option<Vec<u8>> {
    let mut inside = false;
    let mut text = String::new();
    for line in pem.lines().map(str::trim) {
        if line.starts_with("-----BEGIN ") {
            // A file with the private key as well is taken for its certificate.
            inside = line.contains("CERTIFICATE") || line.contains("PUBLIC KEY");
        } else if line.starts_with("-----END ") && inside {
            return STANDARD.decode(text).ok();
        } else if inside {
            text.push_str(line);
        }
    }
    None
}

fn check_certificate(
    pem: &str,
    now: i64,
    header: &Value,
    algorithm: &str,
    signed: &[u8],
    tag: &[u8],
) -> Result<(), TokenError> {
    let refused = |why: &str| {
        TokenError::new(
            401,
            "invalid_client",
            700_027,
            format!("Client assertion failed signature validation. {why}"),
        )
    };
    let der = pem_block(pem).ok_or_else(|| refused("The registered certificate is no PEM."))?;
    let print =
        |algorithm: &'static digest::Algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, &der).as_ref());
    let given = |name: &str| {
        header
            .get(name)
            .and_then(Value::as_str)
            .map(|print| print.trim_end_matches('=').to_owned())
    };
    let known = match (given("x5t#S256"), given("x5t")) {
        (Some(thumbprint), _) => thumbprint == print(&digest::SHA256),
        (None, Some(thumbprint)) => thumbprint == print(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        (None, None) => return Err(refused("The header has neither x5t nor x5t#S256.")),
    };
    if !known {
        return Err(refused("The key was not found by its thumbprint."));
    }
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|_| refused("The registered certificate cannot be read."))?;
    if certificate.validity().not_after.timestamp() < now || certificate.validity().not_before.timestamp() > now {
        return Err(refused("The key was expired."));
    }
    verify_signature(
        algorithm,
        &certificate.public_key().subject_public_key.data,
        signed,
        tag,
    )
    .map_err(|()| refused("Invalid signature."))
}

fn verify_signature(algorithm: &str, key: &[u8], signed: &[u8], tag: &[u8]) -> Result<(), ()> {
    let rule: &'static dyn signature::VerificationAlgorithm = match algorithm {
        "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        "ES256" => &signature::ECDSA_P256_SHA256_FIXED,
        _ => return Err(()),
    };
    signature::UnparsedPublicKey::new(rule, key)
        .verify(signed, tag)
        .map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn an_expired_token_and_a_foreign_one_are_refused() {
        let signer = Signer::new();
        let expired = signer.sign(&json!({"exp": Timestamp::now().as_second() - 1}));
        assert!(
            signer
                .verify(&expired, Timestamp::now().as_second())
                .unwrap_err()
                .contains("expired")
        );
        let foreign = Signer::new().sign(&json!({"exp": Timestamp::now().as_second() + 100}));
        assert!(
            signer
                .verify(&foreign, Timestamp::now().as_second())
                .unwrap_err()
                .contains("signature")
        );
        assert!(signer.verify("nonsense", 0).is_err());
    }
}
