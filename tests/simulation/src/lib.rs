//! The simulated stage: what the operator meets, in one process, on one clock and by one seed.
//!
//! | part | is |
//! |---|---|
//! | [`api_server`] | the API server, as far as the operator and those who use it by kubectl can tell |
//! | [`wire`] | by which every call of the operator goes, with the faults that befall it |
//! | [`stage`] | all of it together, and who is visited when |

pub mod api_server;
pub mod stage;
pub mod wire;
