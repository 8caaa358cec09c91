use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::{Error, Result};

/// What the API server serves with. Made here and not by the API server, so that clients can be set up before it is
/// ready, and with elliptic curves, so that it starts sooner.
pub(crate) struct ServingCertificate {
    /// The authority that clients trust, PEM.
    pub(crate) authority: String,
    /// The server's certificate, PEM.
    pub(crate) certificate: String,
    /// The server's private key, PEM.
    pub(crate) key: String,
}

impl ServingCertificate {
    pub(crate) fn generate() -> Result<Self> {
        let make = || -> std::result::Result<Self, rcgen::Error> {
            let authority_key = KeyPair::generate()?;
            let mut authority = CertificateParams::new(Vec::<String>::new())?;
            authority.distinguished_name.push(DnType::CommonName, "stage authority");
            authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            let authority_pem = authority.self_signed(&authority_key)?.pem();
            let issuer = Issuer::new(authority, authority_key);

            let key = KeyPair::generate()?;
            let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"]
                .map(str::to_owned)
                .to_vec();
            let mut server = CertificateParams::new(names)?;
            server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
            server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            server.use_authority_key_identifier_extension = true;
            let certificate = server.signed_by(&key, &issuer)?.pem();
            Ok(Self {
                authority: authority_pem,
                certificate,
                key: key.serialize_pem(),
            })
        };
        make().map_err(|error| Error::Build(format!("cannot make the API server's certificate: {error}")))
    }
}

/// A key pair for signing service account tokens: the private and the public key, PEM.
pub(crate) fn signing_key() -> Result<(String, String)> {
    KeyPair::generate()
        .map(|key| (key.serialize_pem(), key.public_key_pem()))
        .map_err(|error| Error::Build(format!("cannot make a signing key: {error}")))
}
