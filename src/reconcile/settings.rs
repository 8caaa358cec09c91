//! What the command line decides.

use std::time::Duration;

use url::Url;

/// Settings of the process.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's own namespace: Secrets with credentials are read here and nowhere else.
    pub namespace: String,
    /// Name of the operator's own pod, for events.
    pub pod_name: Option<String>,
    /// Name of the ValidatingAdmissionPolicy that keeps others from writing status.
    pub admission_policy: String,
    /// Graph's address in place of the cloud's, ending in `/v1.0`.
    pub graph_url: Option<Url>,
    /// The token authority's address in place of the cloud's.
    pub authority_host: Option<Url>,
    /// How long a write may take to show in Graph's lists.
    pub visibility: Duration,
}
