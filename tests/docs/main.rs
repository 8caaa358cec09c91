//! The texts are true: README, docs, the samples.
//!
//! | file | what it proves |
//! |---|---|
//! | `texts` | links, commands, reasons and defaults are those of the code |
//! | `reasons` | the list of reasons is written from the code |
//! | `directions` | which way each field moves the door is written from the code |
//! | `fields` | the reference of each kind is written from its definition, and pages that name fields name those that there are |
//! | `graph_surface` | what writes each property of Graph v1.0 is written from a list that the definitions are held to |
//! | `manifests` | every manifest that is shown is what the types and a real API server take |

#[cfg(test)]
mod directions;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod graph_surface;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod reasons;
#[cfg(test)]
mod texts;

#[cfg(test)]
mod text;
