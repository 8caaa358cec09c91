//! Entra access operator.
