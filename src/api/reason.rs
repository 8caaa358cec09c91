//! Every reason that a condition or an event can carry: a closed list.

/// Why a condition has its status. The names are part of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(
    missing_docs,
    reason = "each reason's meaning is `Reason::meaning`, from which the reference is made"
)]
pub enum Reason {
    // All is well.
    InSync,
    Observed,
    // On its way; heals without an edit of this object.
    Progressing,
    TenantNotFound,
    TenantNotReady,
    CatalogNotGranted,
    CatalogNotReady,
    AccessPackageNotFound,
    AccessPackageNotReady,
    ConnectedOrganizationNotReady,
    ReferenceNotFound,
    ReferenceAmbiguous,
    ReferenceMoved,
    OneWaySeparation,
    NobodyCanRequest,
    WeakestWayIn,
    ApproverUnavailable,
    ApproverIsGuest,
    PolicyShadowed,
    AssignmentsOutlive,
    EligibilityEndsFirst,
    BothHeld,
    GuestBillingNotLinked,
    ResourceNotInCatalog,
    ResourceNotReady,
    ResourceUnsuitable,
    RoleNotFound,
    RoleAmbiguous,
    LimitExceeded,
    NameTaken,
    AlreadyClaimed,
    OutcomeUnknown,
    AssignmentsRemain,
    DependantsRemain,
    DeletionHeld,
    InUse,
    NotOurs,
    IdentitySourceDiffers,
    Elsewhere,
    NeedsTenantPermission,
    AccessLost,
    GraphRefused,
    GraphUnavailable,
    StatusRefused,
    // Only an edit of this object helps.
    DriftHeld,
    AcknowledgementRequired,
    DeletedInEntra,
    UnmanagedSettings,
    AdoptionNotFound,
    AdoptionRequired,
    InvalidSpec,
    // Kept from writing, on purpose.
    Paused,
    ObserveOnly,
    DriftReported,
    // EntraTenant only.
    Connected,
    ConnectedByCatalogRoles,
    CredentialsMissing,
    TokenRefused,
    ConsentMissing,
    NotLicensed,
    Unreachable,
    AdmissionPolicyMissing,
    // Events.
    Created,
    Adopted,
    Updated,
    Deleted,
    Released,
    LeftBehind,
}

impl Reason {
    /// Every reason, in the order of the reference.
    pub const ALL: &'static [Self] = &[
        Self::InSync,
        Self::Observed,
        Self::Progressing,
        Self::TenantNotFound,
        Self::TenantNotReady,
        Self::CatalogNotGranted,
        Self::CatalogNotReady,
        Self::AccessPackageNotFound,
        Self::AccessPackageNotReady,
        Self::ConnectedOrganizationNotReady,
        Self::ReferenceNotFound,
        Self::ReferenceAmbiguous,
        Self::ReferenceMoved,
        Self::OneWaySeparation,
        Self::NobodyCanRequest,
        Self::WeakestWayIn,
        Self::ApproverUnavailable,
        Self::ApproverIsGuest,
        Self::PolicyShadowed,
        Self::AssignmentsOutlive,
        Self::EligibilityEndsFirst,
        Self::BothHeld,
        Self::GuestBillingNotLinked,
        Self::ResourceNotInCatalog,
        Self::ResourceNotReady,
        Self::ResourceUnsuitable,
        Self::RoleNotFound,
        Self::RoleAmbiguous,
        Self::LimitExceeded,
        Self::NameTaken,
        Self::AlreadyClaimed,
        Self::OutcomeUnknown,
        Self::AssignmentsRemain,
        Self::DependantsRemain,
        Self::DeletionHeld,
        Self::InUse,
        Self::NotOurs,
        Self::IdentitySourceDiffers,
        Self::Elsewhere,
        Self::NeedsTenantPermission,
        Self::AccessLost,
        Self::GraphRefused,
        Self::GraphUnavailable,
        Self::StatusRefused,
        Self::DriftHeld,
        Self::AcknowledgementRequired,
        Self::DeletedInEntra,
        Self::UnmanagedSettings,
        Self::AdoptionNotFound,
        Self::AdoptionRequired,
        Self::InvalidSpec,
        Self::Paused,
        Self::ObserveOnly,
        Self::DriftReported,
        Self::Connected,
        Self::ConnectedByCatalogRoles,
        Self::CredentialsMissing,
        Self::TokenRefused,
        Self::ConsentMissing,
        Self::NotLicensed,
        Self::Unreachable,
        Self::AdmissionPolicyMissing,
        Self::Created,
        Self::Adopted,
        Self::Updated,
        Self::Deleted,
        Self::Released,
        Self::LeftBehind,
    ];

    /// The name as it stands in a condition, an event or a metric.
    #[must_use]
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// Whether nothing but an edit of this very object (its spec or an annotation) helps.
    #[must_use]
    pub fn is_stalled(self) -> bool {
        matches!(
            self,
            Self::DriftHeld
                | Self::AcknowledgementRequired
                | Self::DeletedInEntra
                | Self::UnmanagedSettings
                | Self::AdoptionNotFound
                | Self::AdoptionRequired
                | Self::InvalidSpec
        )
    }

    /// Whether the object only waits its turn: something that it needs is on its way, and nobody has to look.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        matches!(
            self,
            Self::Progressing
                | Self::TenantNotReady
                | Self::CatalogNotReady
                | Self::AccessPackageNotReady
                | Self::ConnectedOrganizationNotReady
                | Self::ResourceNotReady
        )
    }

    /// Whether a visit that somebody asked for and that ended so has answered them: something was planned, or refused for a
    /// reason that does not go by itself. Otherwise the request stands until a visit comes that far.
    #[must_use]
    pub fn answers_a_request(self) -> bool {
        match self {
            // Nothing was done: what it needs is on its way, does not answer, or was refused us, which may be this once.
            Self::Progressing
            | Self::TenantNotFound
            | Self::TenantNotReady
            | Self::CatalogNotReady
            | Self::AccessPackageNotReady
            | Self::ConnectedOrganizationNotReady
            | Self::OutcomeUnknown
            | Self::GraphUnavailable
            | Self::GraphRefused
            | Self::StatusRefused
            | Self::Paused
            | Self::CredentialsMissing
            | Self::TokenRefused
            | Self::NeedsTenantPermission
            | Self::AccessLost
            | Self::Unreachable => false,
            Self::InSync
            | Self::Observed
            | Self::CatalogNotGranted
            | Self::AccessPackageNotFound
            | Self::ReferenceNotFound
            | Self::ReferenceAmbiguous
            | Self::ReferenceMoved
            | Self::OneWaySeparation
            | Self::NobodyCanRequest
            | Self::WeakestWayIn
            | Self::ApproverUnavailable
            | Self::ApproverIsGuest
            | Self::PolicyShadowed
            | Self::AssignmentsOutlive
            | Self::EligibilityEndsFirst
            | Self::BothHeld
            | Self::GuestBillingNotLinked
            | Self::ResourceNotInCatalog
            | Self::ResourceNotReady
            | Self::ResourceUnsuitable
            | Self::RoleNotFound
            | Self::RoleAmbiguous
            | Self::LimitExceeded
            | Self::NameTaken
            | Self::AlreadyClaimed
            | Self::AssignmentsRemain
            | Self::DependantsRemain
            | Self::DeletionHeld
            | Self::InUse
            | Self::NotOurs
            | Self::IdentitySourceDiffers
            | Self::Elsewhere
            | Self::DriftHeld
            | Self::AcknowledgementRequired
            | Self::DeletedInEntra
            | Self::UnmanagedSettings
            | Self::AdoptionNotFound
            | Self::AdoptionRequired
            | Self::InvalidSpec
            | Self::ObserveOnly
            | Self::DriftReported
            | Self::Connected
            | Self::ConnectedByCatalogRoles
            | Self::ConsentMissing
            | Self::NotLicensed
            | Self::AdmissionPolicyMissing
            | Self::Created
            | Self::Adopted
            | Self::Updated
            | Self::Deleted
            | Self::Released
            | Self::LeftBehind => true,
        }
    }

    /// What the reason means, in a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::InSync => "Entra has what the spec says.",
            Self::Observed => "The object is only observed; what it names exists.",
            Self::Progressing => "The operator is at work or has not looked yet.",
            Self::TenantNotFound => "No EntraTenant of that name exists.",
            Self::TenantNotReady => "The EntraTenant exists but is not Ready; its own condition says why.",
            Self::CatalogNotGranted => "No catalog of that name grants anything to this namespace.",
            Self::CatalogNotReady => "The Catalog is not Ready; its own condition says why.",
            Self::AccessPackageNotFound => "No AccessPackage of that name exists, or none that may be named.",
            Self::AccessPackageNotReady => "The AccessPackage does not exist in Entra yet.",
            Self::ConnectedOrganizationNotReady => "The ConnectedOrganization does not exist in Entra yet.",
            Self::ReferenceNotFound => {
                "A user, group, application, site or connected organization named in the spec does not exist."
            }
            Self::ReferenceAmbiguous => "A name in the spec stands for several objects of the directory.",
            Self::ReferenceMoved => "A name in the spec now stands for another object than the one it was bound to.",
            Self::OneWaySeparation => {
                "A package is incompatible with another one way only: its holders can still request the other."
            }
            Self::NobodyCanRequest => "The catalog keeps those whom the policy means from requesting the package.",
            Self::WeakestWayIn => {
                "Who is to be approved by one policy of the package can pick another by which fewer approve."
            }
            Self::ApproverUnavailable => {
                "Somebody who is to approve or to review does not exist any more, is disabled, or is a group without members."
            }
            Self::ApproverIsGuest => "A guest of the directory is to approve or to review, where members were meant.",
            Self::PolicyShadowed => "For some of those whom the policy means Entra takes a more specific policy.",
            Self::AssignmentsOutlive => {
                "People who came in before the expiration was shortened keep their access longer."
            }
            Self::EligibilityEndsFirst => {
                "Privileged Identity Management ends eligibility for a group before the package's assignments end."
            }
            Self::BothHeld => "People hold both of two packages that are incompatible.",
            Self::GuestBillingNotLinked => {
                "Entra refuses the policy, since the tenant has no subscription linked that guests are billed to."
            }
            Self::ResourceNotInCatalog => "The resource is not among the catalog's.",
            Self::ResourceNotReady => "The resource is on its way into the catalog.",
            Self::ResourceUnsuitable => "Entitlement management cannot manage a resource of this kind.",
            Self::RoleNotFound => "The resource has no role of that name, or the catalog does not offer it.",
            Self::RoleAmbiguous => "Several roles of the resource have that name.",
            Self::LimitExceeded => "The spec asks for more than the catalog's grant allows.",
            Self::NameTaken => "Entra has an object of that name, or for the same people, that is not ours.",
            Self::AlreadyClaimed => "Another Kubernetes object manages this object of Entra.",
            Self::OutcomeUnknown => {
                "What came of a request is not known, or not believed yet; the operator looks before it goes on."
            }
            Self::AssignmentsRemain => "People still hold access; the deletion waits for them.",
            Self::DependantsRemain => "Objects that need this one still exist.",
            Self::DeletionHeld => "So much is being deleted that it waits: for its hour, or for a person.",
            Self::InUse => "Access packages hand out roles of what is to be taken out.",
            Self::NotOurs => "What would be deleted or emptied holds objects that are not ours.",
            Self::IdentitySourceDiffers => "The connected organization stands for other people than the spec says.",
            Self::Elsewhere => "The object is in another catalog or package of Entra than the spec says.",
            Self::NeedsTenantPermission => "An application permission is missing in the tenant.",
            Self::AccessLost => "Entra refuses us what we could do before.",
            Self::GraphRefused => "Microsoft Graph refused a request.",
            Self::GraphUnavailable => "Microsoft Graph did not answer or asked us to wait.",
            Self::StatusRefused => "The API server refuses the status that the operator writes.",
            Self::DriftHeld => "Entra was changed; putting it back would widen access, so a person decides.",
            Self::AcknowledgementRequired => {
                "The change takes access from people, or hands them more, and waits for a person to agree."
            }
            Self::DeletedInEntra => "The object was deleted in Entra; a person decides whether it is made anew.",
            Self::UnmanagedSettings => "The policy carries settings that the spec does not have, so it is not written.",
            Self::AdoptionNotFound => "The object that the spec names by id does not exist where it should.",
            Self::AdoptionRequired => "Entra has what this object stood for before its status was lost.",
            Self::InvalidSpec => "The spec cannot be carried out as written.",
            Self::Paused => "The object is paused by its annotation.",
            Self::ObserveOnly => "Entra differs from the spec, and writing is switched off.",
            Self::DriftReported => "Entra differs from the spec; driftPolicy is Report.",
            Self::Connected => "Token, permissions and licence are in order.",
            Self::ConnectedByCatalogRoles => {
                "The application acts through entitlement management roles on catalogs only."
            }
            Self::CredentialsMissing => "The Secret or the token file with the credentials is missing or unreadable.",
            Self::TokenRefused => "The token endpoint refuses the application.",
            Self::ConsentMissing => "The application lacks the permission that it needs.",
            Self::NotLicensed => "The tenant has no licence for entitlement management.",
            Self::Unreachable => "Microsoft Graph or the token endpoint cannot be reached.",
            Self::AdmissionPolicyMissing => "Nothing in the cluster keeps others from writing status.",
            Self::Created => "An object was created in Entra.",
            Self::Adopted => "An object that existed in Entra was taken over.",
            Self::Updated => "An object was changed in Entra.",
            Self::Deleted => "An object was deleted in Entra.",
            Self::Released => "The Kubernetes object was let go; Entra was left as it is.",
            Self::LeftBehind => "An object went without the operator letting it go; what it stood for stays in Entra.",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_waits_answers_nobody_but_a_resource_on_its_way() {
        for reason in Reason::ALL.iter().filter(|reason| reason.is_waiting()) {
            // The Catalog that waits for a resource has planned and asked for it.
            assert_eq!(
                reason.answers_a_request(),
                *reason == Reason::ResourceNotReady,
                "{reason:?}"
            );
        }
        assert!(
            Reason::ALL
                .iter()
                .filter(|reason| reason.is_stalled())
                .all(|reason| reason.answers_a_request())
        );
    }

    #[test]
    fn every_reason_is_listed_once_and_named_as_kubernetes_demands() {
        let mut names: Vec<String> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        assert!(
            names
                .iter()
                .all(|name| name.chars().all(|letter| letter.is_ascii_alphanumeric()))
        );
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
