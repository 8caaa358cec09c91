//! The simulated stage: what the operator meets, in one process, on one clock and by one seed.
//!
//! | part | is |
//! |---|---|
//! | [`api_server`] | the API server, as far as the operator and those who use it by kubectl can tell |

pub mod api_server;
