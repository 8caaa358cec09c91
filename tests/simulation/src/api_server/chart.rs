//! The chart's admission policy, without Helm.

use super::{ApiServer, Refusal};

const TEMPLATE: &str = include_str!("../../../../charts/entra-access-operator/templates/admissionpolicy.yaml");

/// The name of the release, of the policy, and of the operator's service account.
const RELEASE: &str = "entra-access-operator";

impl ApiServer {
    /// Brings the chart's admission policy into force, for an operator that runs in this namespace by the chart's service
    /// account ([`User::service_account`](super::User::service_account)), with nobody exempt.
    ///
    /// # Errors
    /// What the server says is wrong.
    pub fn enforce_admission(&self, namespace: &str) -> Result<(), Refusal> {
        self.apply_yaml(&rendered(namespace)).map(drop)
    }
}

/// The template with its values; `tests/parity` holds it to what Helm makes of it.
fn rendered(namespace: &str) -> String {
    let mut rendered = String::new();
    let mut is_left_out = false;
    for line in TEMPLATE.lines() {
        let order = line.trim();
        // Who is exempt: nobody.
        is_left_out |= order.starts_with("{{- with .exempt");
        let is_label = order == "labels:" || order.starts_with("{{- include \"operator.labels\"");
        if !order.starts_with("{{-") && !is_left_out && !is_label {
            rendered.push_str(line);
            rendered.push('\n');
        }
        is_left_out &= !order.starts_with("{{- end");
    }
    rendered
        .replace("{{ include \"operator.fullname\" $ }}", RELEASE)
        .replace("{{ include \"operator.serviceAccount\" $ }}", RELEASE)
        .replace("{{ $.Release.Namespace }}", namespace)
}
