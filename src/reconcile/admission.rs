//! Whether the cluster keeps others from writing status: who could write it could point an object at one of Entra's that
//! is somebody else's.

use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use kube::{Api, Client};

use crate::{
    api::Reason,
    plan::{Problem, admission},
};

/// What is wrong with the admission policy of this name; its binding has the same name.
pub(super) async fn problem(client: &Client, name: &str) -> Option<Problem> {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(client.clone());
    let (policy, binding) = tokio::join!(policies.get_opt(name), bindings.get_opt(name)); // reads Kubernetes
    let words = match (policy, binding) {
        (Ok(Some(policy)), Ok(Some(binding))) if admission::binds(&binding, name) => {
            let gap = admission::gap(&policy)?;
            format!("ValidatingAdmissionPolicy {name:?} {gap}")
        }
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
            "{words}; whoever may write status can make the operator change objects of Entra that are not theirs: install the chart with admissionPolicy.enabled, or name a policy that says the same with --admission-policy"
        ),
    ))
}
