//! The simulated stage: what the operator meets, in one process, on one clock and by one seed.
//!
//! | part | is |
//! |---|---|
//! | [`api_server`] | the API server, as far as the operator and those who use it by kubectl can tell |
//! | [`wire`] | by which every call of the operator goes |
//! | [`fault`] | what befalls calls |
//! | [`scenario`] | what people do, as data |
//! | [`judge`] | what is right at the end, and what there never may be |
//! | [`matrix`] | runs, undisturbed and disturbed |
//! | [`storm`] | disturbances by seed, by kind, and the smallest that fails |
//! | [`table`] | operation × failure |
//! | [`outage`] | a quarter of an hour without Graph |
//! | [`specs`] | specs by the ten thousand, and what holds for any two of them |
//! | [`attacks`] | a team that may do everything in its namespace, and an oracle that knows its grants |
//! | [`stage`], [`due`] | all of it together, and who is visited when |

pub mod api_server;
pub mod attacks;
pub mod due;
pub mod fault;
pub mod judge;
pub mod matrix;
pub mod outage;
pub mod scenario;
pub mod specs;
pub mod stage;
pub mod storm;
pub mod table;
pub mod wire;
