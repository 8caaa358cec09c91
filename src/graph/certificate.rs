//! Client assertions signed with a certificate's key: Microsoft identity platform docs, "Certificate credentials".

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;

use super::auth::{Secret, Way};

/// How long an assertion is good for; it is used at once.
const LIFETIME_SECONDS: u64 = 600;
/// Clocks that run a little ahead do not make an assertion come from the future.
const SKEW_SECONDS: u64 = 60;

/// Makes the assertions for one application.
pub(super) struct CertificateAssertion {
    key: EncodingKey,
    header: Header,
    client_id: String,
    audience: String,
    way: Way,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: u64,
    iat: u64,
    exp: u64,
}

impl CertificateAssertion {
    /// Reads the key and the certificate that belongs to it; the reason for people otherwise.
    pub(super) fn new(pem: &Secret, client_id: String, audience: String, way: &Way) -> Result<Self, String> {
        let pem = pem.expose().as_bytes();
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| "the PEM has no private key".to_owned())?;
        let not_rsa = || "the private key is not an RSA key of at least 2048 bits".to_owned();
        let (pair, key) = match &der {
            PrivateKeyDer::Pkcs8(der) => (
                KeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| not_rsa())?,
                EncodingKey::from_rsa_pem(&block(der.secret_pkcs8_der())).map_err(|_| not_rsa())?,
            ),
            PrivateKeyDer::Pkcs1(der) => (
                KeyPair::from_der(der.secret_pkcs1_der()).map_err(|_| not_rsa())?,
                EncodingKey::from_rsa_der(der.secret_pkcs1_der()),
            ),
            // Entra takes RSA keys, and these are their forms.
            _ => return Err("the private key is neither PKCS#8 nor PKCS#1".to_owned()),
        };
        let public = pair.public_key().as_ref();
        let certificate = CertificateDer::pem_slice_iter(pem)
            .filter_map(Result::ok)
            // A certificate holds its public key as it is, so containment tells the leaf from its issuers.
            .find(|certificate| certificate.windows(public.len()).any(|window| window == public))
            .ok_or_else(|| "the PEM has no certificate of its private key".to_owned())?;
        let thumbprint = |algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, &certificate));
        let mut header = Header::new(Algorithm::RS256);
        header.x5t_s256 = Some(thumbprint(&digest::SHA256));
        // Older authorities know a certificate by its SHA-1 alone; it names the key, it protects nothing.
        header.x5t = Some(thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY));
        Ok(Self {
            key,
            header,
            client_id,
            audience,
            way: way.clone(),
        })
    }

    /// A signed assertion, valid from `now` (seconds since 1970).
    fn sign(&self, now: u64) -> Option<String> {
        let claims = Claims {
            aud: &self.audience,
            iss: &self.client_id,
            sub: &self.client_id,
            jti: self.way.chance.mark(),
            nbf: now.saturating_sub(SKEW_SECONDS),
            iat: now.saturating_sub(SKEW_SECONDS),
            exp: now + LIFETIME_SECONDS,
        };
        jsonwebtoken::encode(&self.header, &claims, &self.key).ok()
    }
}

/// One key as PEM: the file may hold certificates before it.
fn block(pkcs8: &[u8]) -> Vec<u8> {
    let text = STANDARD.encode(pkcs8);
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n").into_bytes()
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
        // Before 1970 there is no time to sign for.
        let now = u64::try_from(self.way.clock.now().as_second()).unwrap_or(0);
        self.sign(now).ok_or_else(|| {
            azure_core::Error::with_message(
                azure_core::error::ErrorKind::Credential,
                "the client certificate's key could not sign",
            )
        })
    }
}
