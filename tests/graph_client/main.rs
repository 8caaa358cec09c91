//! The Graph client against a scripted HTTPS server that plays Graph and the token authority, with the real
//! credentials of azure_identity.
//!
//! | file | what it proves |
//! |---|---|
//! | `door` | who gets the bearer, what is sent again and what is not, deadlines, read-only |
//! | `entities` | what the operations send and how they read answers, fallbacks and batches included |
//! | `holders` | who holds a package, and taking it away |
//! | `lookups` | many look-ups in one request, and what an id stands for |
//! | `organizations` | connected organizations and who vouches for their people |
//! | `robust` | what cannot be read or is newer than us costs itself alone and is never lost |
//! | `sign_in` | each credential, refusals, and that no secret shows |
//! | `weather` | the tenant waits as one, what carries a request, where an answer is cut |

#![expect(
    clippy::disallowed_methods,
    reason = "a test stands outside the operator and has the machine's clock"
)]

#[cfg(test)]
mod door;
#[cfg(test)]
mod entities;
#[cfg(test)]
mod holders;
#[cfg(test)]
mod lookups;
#[cfg(test)]
mod organizations;
#[cfg(test)]
mod robust;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod weather;
