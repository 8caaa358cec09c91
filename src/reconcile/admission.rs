//! Whether the cluster keeps others from writing status: who could write it could point an object at one of Entra's that
//! is somebody else's.

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use kube::{Api, Client};

use crate::{api::Reason, plan::Problem};

/// What is wrong with the admission policy of this name; its binding has the same name.
pub(super) async fn problem(client: &Client, name: &str) -> Option<Problem> {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let (policy, binding) = tokio::join!(policies.get_opt(name), bindings.get_opt(name)); // reads Kubernetes
    let words = match (policy, binding) {
        (Ok(Some(_)), Ok(Some(binding))) if denies(&binding, name) => return None,
        (Ok(None), _) => format!("ValidatingAdmissionPolicy {name:?} does not exist"),
        (Ok(Some(_)), Ok(None)) => {
            format!(
                "ValidatingAdmissionPolicy {name:?} is not bound: there is no ValidatingAdmissionPolicyBinding {name:?}"
            )
        }
        (Ok(Some(_)), Ok(Some(_))) => {
            format!(
                "ValidatingAdmissionPolicyBinding {name:?} does not bind policy {name:?} everywhere with the action Deny"
            )
        }
        (Err(error), _) | (_, Err(error)) => {
            format!("whether ValidatingAdmissionPolicy {name:?} is in force cannot be told: {error}")
        }
    };
    Some(Problem::new(
        Reason::AdmissionPolicyMissing,
        format!(
            "{words}; whoever may write status can make the operator change objects of Entra that are not theirs: install the chart with admissionPolicy.enabled, or name your own policy with --admission-policy"
        ),
    ))
}

/// Whether the binding puts the policy into force for every object.
fn denies(binding: &ValidatingAdmissionPolicyBinding, policy: &str) -> bool {
    let spec = binding.spec.as_ref();
    spec.is_some_and(|spec| {
        let actions = spec.validation_actions.as_deref().unwrap_or_default(); // none deny
        spec.policy_name.as_deref() == Some(policy)
            && actions.iter().any(|action| action == "Deny")
            && spec.match_resources.is_none()
    })
}
