//! Client assertions signed with a certificate's key: Microsoft identity platform docs, "Certificate credentials".

#![expect(
    clippy::disallowed_methods,
    reason = "the door still asks the machine for time and chance"
)]

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use aws_lc_rs::{digest, rand};
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use uuid::Uuid;

use super::auth::Secret;

/// How long an assertion is good for; it is used at once.
const LIFETIME_SECONDS: u64 = 600;
/// Clocks that run a little ahead do not make an assertion come from the future.
const SKEW_SECONDS: u64 = 60;

/// Makes the assertions for one application.
pub(super) struct CertificateAssertion {
    key: KeyPair,
    header: String,
    client_id: String,
    audience: String,
}

impl CertificateAssertion {
    /// Reads the key and the certificate that belongs to it; the reason for people otherwise.
    pub(super) fn new(pem: &Secret, client_id: String, audience: String) -> Result<Self, String> {
        let pem = pem.expose().as_bytes();
        let key = match PrivateKeyDer::from_pem_slice(pem).map_err(|_| "the PEM has no private key".to_owned())? {
            PrivateKeyDer::Pkcs8(der) => KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => KeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err("the private key is neither PKCS#8 nor PKCS#1".to_owned()),
        }
        .map_err(|_| "the private key is not an RSA key of at least 2048 bits".to_owned())?;
        let public = key.public_key().as_ref();
        let certificate = CertificateDer::pem_slice_iter(pem)
            .filter_map(Result::ok)
            // A certificate holds its public key as it is, so containment tells the leaf from its issuers.
            .find(|certificate| certificate.windows(public.len()).any(|window| window == public))
            .ok_or_else(|| "the PEM has no certificate of its private key".to_owned())?;
        let thumbprint = |algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, &certificate));
        let header = json!({
            "alg": "RS256",
            "typ": "JWT",
            "x5t#S256": thumbprint(&digest::SHA256),
            // Older authorities know a certificate by its SHA-1 alone; it names the key, it protects nothing.
            "x5t": thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY),
        });
        Ok(Self {
            key,
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
            client_id,
            audience,
        })
    }

    /// A signed assertion, valid from `now` (seconds since 1970).
    fn sign(&self, now: u64) -> Option<String> {
        let claims = json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": Uuid::new_v4().to_string(),
            "nbf": now.saturating_sub(SKEW_SECONDS),
            "iat": now.saturating_sub(SKEW_SECONDS),
            "exp": now + LIFETIME_SECONDS,
        });
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PKCS1_SHA256,
                &rand::SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for CertificateAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAssertion")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl ClientAssertion for CertificateAssertion {
    async fn secret(&self, _options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        self.sign(now).ok_or_else(|| {
            azure_core::Error::with_message(
                azure_core::error::ErrorKind::Credential,
                "the client certificate's key could not sign",
            )
        })
    }
}
