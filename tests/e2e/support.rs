//! What the sentences share.
