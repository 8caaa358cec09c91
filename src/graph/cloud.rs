//! Where Graph is: the national clouds and what each of them lacks.
//!
//! Hosts: Microsoft Graph docs, "National cloud deployments". Differences: the clouds' own `$metadata`.

use std::path::PathBuf;

use url::Url;

use super::error::{GraphError, GraphErrorKind};

/// A Microsoft cloud. Tokens and objects of one mean nothing in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Cloud {
    /// The worldwide cloud, GCC included.
    #[default]
    Global,
    /// US Government L4 (GCC High).
    UsGovernment,
    /// US Government L5 (DoD).
    UsGovernmentDod,
    /// China, operated by 21Vianet.
    China,
}

/// What not every cloud's v1.0 schema declares; a property that is not declared makes a body invalid there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// `accessPackageAssignmentPolicy.notificationSettings`.
    NotificationSettings,
    /// `requestApprovalSettings.isRequestorJustificationRequired`.
    RequestorJustification,
    /// `approverInformationVisibility` of an approval stage.
    ApproverInformationVisibility,
    /// `accessPackageResourceRole.type`.
    ResourceRoleType,
}

impl Cloud {
    /// What an EntraTenant calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "Global",
            Self::UsGovernment => "USGovernment",
            Self::UsGovernmentDod => "USGovernmentDoD",
            Self::China => "China",
        }
    }

    /// The Graph v1.0 root without a trailing slash, such as `https://graph.microsoft.com/v1.0`.
    pub fn graph_url(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com/v1.0",
            Self::UsGovernment => "https://graph.microsoft.us/v1.0",
            Self::UsGovernmentDod => "https://dod-graph.microsoft.us/v1.0",
            Self::China => "https://microsoftgraph.chinacloudapi.cn/v1.0",
        }
    }

    /// The host that issues tokens.
    pub fn authority_host(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGovernment | Self::UsGovernmentDod => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// Every host that is known to issue tokens of some cloud, with that cloud's [`Cloud::authority_host`].
    const AUTHORITIES: &[(&str, &str)] = &[
        ("login.microsoftonline.com", "https://login.microsoftonline.com"),
        ("login.windows.net", "https://login.microsoftonline.com"),
        ("login.microsoft.com", "https://login.microsoftonline.com"),
        ("sts.windows.net", "https://login.microsoftonline.com"),
        ("login.microsoftonline.us", "https://login.microsoftonline.us"),
        ("login.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
        ("login.partner.microsoftonline.cn", "https://login.chinacloudapi.cn"),
    ];

    /// Whether this host issues tokens of another cloud, to which no secret of this one is ever sent.
    fn is_foreign_authority(self, host: &str) -> bool {
        Self::AUTHORITIES
            .iter()
            .any(|(known, of)| known.eq_ignore_ascii_case(host) && *of != self.authority_host())
    }

    /// The scope that a token for Graph is asked with; it names the audience, so it does not follow an overridden
    /// Graph URL.
    pub(super) fn scope(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com/.default",
            Self::UsGovernment => "https://graph.microsoft.us/.default",
            Self::UsGovernmentDod => "https://dod-graph.microsoft.us/.default",
            Self::China => "https://microsoftgraph.chinacloudapi.cn/.default",
        }
    }

    /// Whether the cloud's v1.0 schema declares this.
    pub fn has(self, feature: Feature) -> bool {
        match feature {
            Feature::NotificationSettings
            | Feature::RequestorJustification
            | Feature::ApproverInformationVisibility
            | Feature::ResourceRoleType => matches!(self, Self::Global),
        }
    }
}

/// Where to reach Graph and the token authority.
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    /// The cloud, which also decides the token's scope.
    pub cloud: Cloud,
    /// Another Graph root, ending in `/v1.0`; `https`, or `http` on a loopback address.
    pub graph_url: Option<Url>,
    /// Another token authority; always `https`. One that is known to be another cloud's (as `AZURE_AUTHORITY_HOST` is for
    /// a tenant of a second cloud) is not used.
    pub authority_host: Option<Url>,
    /// A PEM file of certificate authorities trusted beside the system's.
    pub extra_roots_pem: Option<PathBuf>,
}

impl Endpoint {
    /// A cloud's own endpoints.
    pub fn of(cloud: Cloud) -> Self {
        Self {
            cloud,
            ..Self::default()
        }
    }

    /// The Graph root in use, without a trailing slash.
    pub(super) fn graph_root(&self) -> Result<Url, GraphError> {
        let invalid =
            |why: &str| GraphError::new(GraphErrorKind::BadRequest, "endpoint", format!("the Graph URL {why}"));
        let Some(url) = &self.graph_url else {
            return Url::parse(self.cloud.graph_url()).map_err(|_| invalid("of the cloud is not a URL"));
        };
        let mut url = url.clone();
        let path = url.path().trim_end_matches('/').to_owned();
        if !path.ends_with("/v1.0") {
            return Err(invalid("must end in /v1.0"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("must have neither query, fragment nor user"));
        }
        let loopback = match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
            return Err(invalid("must be https: the bearer token travels over it"));
        }
        url.set_path(&path);
        Ok(url)
    }

    /// The token authority in use: this cloud's own, or one that stands for it.
    pub(super) fn authority(&self) -> String {
        let own = self
            .authority_host
            .as_ref()
            // A URL without a host is nobody's authority: what uses it fails.
            .filter(|url| url.host_str().is_none_or(|host| !self.cloud.is_foreign_authority(host)));
        match own {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            None => self.cloud.authority_host().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(url: &str) -> Result<Url, GraphError> {
        Endpoint {
            graph_url: Some(Url::parse(url).unwrap()),
            ..Endpoint::default()
        }
        .graph_root()
    }

    #[test]
    fn a_graph_url_that_would_carry_the_bearer_in_the_clear_is_refused() {
        assert!(root("http://graph.example.com/v1.0").is_err());
        assert!(root("http://localhost.example.com/v1.0").is_err());
        assert!(root("http://127.0.0.1:8080/v1.0").is_ok());
        assert_eq!(
            root("https://localhost:8443/v1.0/").unwrap().as_str(),
            "https://localhost:8443/v1.0"
        );
        assert!(root("https://graph.microsoft.com/beta").is_err());
    }

    #[test]
    fn a_clouds_secret_never_goes_to_another_clouds_authority() {
        let authority = |cloud: Cloud, host: &str| {
            Endpoint {
                authority_host: Some(Url::parse(host).unwrap()),
                ..Endpoint::of(cloud)
            }
            .authority()
        };
        let all = [Cloud::Global, Cloud::UsGovernment, Cloud::UsGovernmentDod, Cloud::China];
        for cloud in all {
            for other in all {
                let host = format!("{}/", other.authority_host());
                assert_eq!(authority(cloud, &host), cloud.authority_host(), "{cloud:?} with {host}");
            }
            assert_eq!(
                authority(cloud, "https://LOGIN.windows.net") == "https://login.windows.net",
                cloud == Cloud::Global
            );
            assert_eq!(authority(cloud, "https://localhost:8443/"), "https://localhost:8443");
        }
    }

    #[test]
    fn the_national_clouds_lack_what_their_schema_does_not_declare() {
        assert!(Cloud::Global.has(Feature::NotificationSettings));
        assert!(!Cloud::China.has(Feature::RequestorJustification));
        assert!(!Cloud::UsGovernment.has(Feature::ApproverInformationVisibility));
    }
}
