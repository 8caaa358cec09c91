//! The chart, by a real Helm at a real API server.
//!
//! | file | what its sentences are about |
//! |---|---|
//! | `files` | what the chart says before anything is installed: values, definitions, the shape of the Deployment |
//! | `readme` | the chart's own README is written from its values |
//! | `reader` | somebody copies the commands of the documents, from the README to the first Ready package |
//! | `life` | install, run, upgrade, uninstall: the operator's binary in the place of the pod that the chart asks for |
//! | `leaving` | the operator goes, and lets its objects go with it, or not |
//! | `taking_over` | Helm takes over what `kubectl` applied |
//! | `rights` | what the operator may do is what it does; what others may not |
//! | `objects` | a tenant and catalogs from values |
//! | `wait` | `helm --wait` with a team's own chart |
//!
//! There is no kubelet. `kubelet` stands in for it: it starts the operator's binary as the pod says, with a token of the
//! pod's service account and no other right.

mod cluster;
mod files;
mod kubelet;
mod leaving;
mod life;
mod objects;
mod reader;
mod readme;
mod rights;
mod taking_over;
mod wait;
