//! The operator's real binary against a real API server and the emulated Graph, one sentence a test.
//!
//! | file | what its sentences are about |
//! |---|---|
//! | `story` | from `kubectl apply` to Entra and back: order, repetition, deletion, the number of calls |
//! | `drift` | what happens when somebody changes Entra behind the operator's back, and when names move |
//! | `binding` | what names, roles, addresses and ids stand for, and that it stays so |
//! | `adoption` | objects that exist already, and two that want the same one |
//! | `attacks` | what a namespace's team tries, and what Entra holds afterwards |
//! | `grants` | what a namespace may and may not do |
//! | `words` | the exact text that people see when something is wrong |
//! | `faults` | a service that is slow, throttles, lags, loses answers; an operator that is killed |
//! | `cluster` | what the operator makes of the cluster's own ways: who is woken, what cannot be read, what goes by force |
//! | `deletion` | how objects go: who is waited for, what is shut, and that it ends |
//! | `brakes` | deletions that wait, since there are too many |
//! | `going` | how long it takes until everything is gone, whatever goes first |
//! | `weather` | a service that asks to wait, is away, hangs or answers without end: the tenant waits as one |
//! | `identity` | who is who when answers are lost, lists lag, clocks differ and status cannot be written |
//! | `truth` | whether status tells the truth: of what was compared, done and held, and of itself |
//! | `partners` | connected organizations, who vouches for their people, and the policies that let them in |
//! | `live_access` | changes that people with access would feel, as docs/live-access.md tells them |
//! | `my_access` | what people hold after they asked and others decided, and what an edit means for them |
//! | `people` | who decides: what somebody changes about approvers stays |
//! | `names` | names that are taken, differ by case, are swapped; many resources at once |
//! | `outlook` | what people should look at: told, read seldom, never an obstacle |
//! | `reading` | answers that are newer, cut into pages, null or trimmed |
//! | `resources` | what a Catalog says of its resources: eligible roles, what requestors are asked, where a site is |
//! | `siege` | a team with every verb in its namespace, by seed, through the real API server |
//! | `sign_in` | consent that is given later, tokens that are refused |
//! | `authorities` | several clouds and tenants: whom the operator asks for tokens, and what it takes them for |
//! | `sites` | SharePoint sites, which no list shows to an application |
//! | `kstatus` | what Flux, `helm --wait` and `kubectl wait` take an object for |
//!
//! Every test has a stage of its own, so they run beside each other: a simulated one where that is enough, or one of real
//! parts (`scene` says which, and how to have all on real parts). At its end kstatus is asked about every state that an
//! object was in (`review`).

#![expect(
    clippy::disallowed_methods,
    reason = "a test stands outside the operator and has the machine's clock"
)]

mod adoption;
mod attacks;
mod authorities;
mod binding;
mod brakes;
mod catalog_roles;
mod cluster;
mod consent;
mod deletion;
mod drift;
mod extensions;
mod faults;
mod going;
mod grants;
mod identity;
mod kstatus;
mod live_access;
mod my_access;
mod names;
mod outlook;
mod partners;
mod people;
mod reading;
mod resources;
mod review;
mod scenarios;
mod scene;
mod siege;
mod sign_in;
mod sites;
mod story;
mod support;
mod truth;
mod weather;
mod words;
