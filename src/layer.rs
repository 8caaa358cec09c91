//! Layers of protection, each of which a simulation can take out to show what it catches that no other does.
//!
//! Where the program is built for release there is no switch: [`is_out`] is `false`, and nothing could make it true. In a
//! build for tests nothing of the operator throws it: no flag, no variable, no object.

/// A layer of protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// A package is judged with every way in that Entra has.
    WaysInEntra,
    /// A package and its policies are judged with every role that Entra's package has.
    RolesInEntra,
    /// A role that is added is judged by what those came in who hold the package.
    Holders,
    /// A role and a way in that are about to be written at the same time see each other.
    Announcements,
    /// What is taken over is judged with all that it brings along.
    Takeover,
    /// It takes a grant's leave to take access away, or to leave it behind.
    Leave,
    /// A status proves something for the object alone that it was written for.
    Ownership,
}

impl Layer {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::WaysInEntra,
        Self::RolesInEntra,
        Self::Holders,
        Self::Announcements,
        Self::Takeover,
        Self::Leave,
        Self::Ownership,
    ];

    /// By which it is asked for.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WaysInEntra => "ways-in-entra",
            Self::RolesInEntra => "roles-in-entra",
            Self::Holders => "holders",
            Self::Announcements => "announcements",
            Self::Takeover => "takeover",
            Self::Leave => "leave",
            Self::Ownership => "ownership",
        }
    }
}

#[cfg(debug_assertions)]
thread_local! {
    static OUT: std::cell::Cell<Option<Layer>> = const { std::cell::Cell::new(None) };
}

/// Takes a layer out, or puts all of them back, for what runs on this thread. There is no such thing in a release.
#[cfg(debug_assertions)]
pub fn take_out(layer: Option<Layer>) {
    OUT.set(layer);
}

/// Whether this layer is taken out.
#[cfg(debug_assertions)]
pub(crate) fn is_out(layer: Layer) -> bool {
    OUT.get() == Some(layer)
}

/// Whether this layer is taken out: never.
#[cfg(not(debug_assertions))]
pub(crate) const fn is_out(_layer: Layer) -> bool {
    false
}
