//! A certificate authority of the emulator's own, and its certificate for localhost.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Makes the files in `dir`, or takes those of an earlier start: a client that trusts them goes on doing so.
pub(crate) fn config(dir: &Path) -> Result<rustls::ServerConfig, Failure> {
    std::fs::create_dir_all(dir)?;
    let (ca, server, key) = (dir.join("ca.pem"), dir.join("server.pem"), dir.join("server.key"));
    if !(ca.exists() && server.exists() && key.exists()) {
        let authority_key = KeyPair::generate()?;
        let mut authority = CertificateParams::new(Vec::<String>::new())?;
        authority
            .distinguished_name
            .push(DnType::CommonName, "Graph emulator test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority_certificate = authority.self_signed(&authority_key)?;
        let issuer = Issuer::new(authority, authority_key);
        let server_key = KeyPair::generate()?;
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()])?;
        leaf.distinguished_name.push(DnType::CommonName, "localhost");
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&server_key, &issuer)?;
        std::fs::write(&server, format!("{}{}", leaf.pem(), authority_certificate.pem()))?;
        std::fs::write(&key, server_key.serialize_pem())?;
        // Last: who waits for this file finds the others complete.
        std::fs::write(&ca, authority_certificate.pem())?;
    }
    let chain = CertificateDer::pem_file_iter(&server)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&key)?;
    // Named here, so that no process-wide provider has to be installed.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
