//! The chart, by a real Helm at a real API server.
//!
//! | file | what its sentences are about |
//! |---|---|
//! | `files` | what the chart says before anything is installed: values, definitions, the shape of the Deployment |
//! | `life` | install, run, upgrade, uninstall: the operator's binary in the place of the pod that the chart asks for |
//! | `rights` | what the operator may do is what it does; what others may not |
//! | `objects` | a tenant and catalogs from values |
//! | `wait` | `helm --wait` with a team's own chart |
//!
//! There is no kubelet. `kubelet` stands in for it: it starts the operator's binary as the pod says, with a token of the
//! pod's service account and no other right.

mod cluster;
mod files;
mod kubelet;
mod life;
mod objects;
mod rights;
mod wait;
