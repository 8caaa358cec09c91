//! How each kind is seen: every field of an answer, and which of them follow our writes.

use super::{Viewed, Writes, lists_tell};
use crate::graph::{
    AccessPackage, AssignmentPolicy, Catalog, ConnectedOrganization, Incompatible, PolicyRead, Resource,
    ResourceRoleScope,
};

impl Viewed for Catalog {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn place(&self) -> Option<&str> {
        None
    }

    fn followed(self, writes: &mut Writes<'_, Self>) -> Self {
        let Self {
            id,
            display_name,
            description,
            catalog_type,
            state,
            externally_visible,
            created,
        } = self;
        Self {
            id,
            display_name: writes.field("displayName", display_name, |catalog| &catalog.display_name),
            description: writes.field("description", description, |catalog| &catalog.description),
            catalog_type,
            state: writes.field("state", state, |catalog| &catalog.state),
            externally_visible: writes.field("isExternallyVisible", externally_visible, |catalog| {
                &catalog.externally_visible
            }),
            created,
        }
    }
}

impl Viewed for ConnectedOrganization {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn place(&self) -> Option<&str> {
        None
    }

    fn followed(self, writes: &mut Writes<'_, Self>) -> Self {
        let Self {
            id,
            display_name,
            description,
            state,
            identity_sources,
            created,
            internal_sponsors,
            external_sponsors,
        } = self;
        Self {
            id,
            display_name: writes.field("displayName", display_name, |one| &one.display_name),
            description: writes.field("description", description, |one| &one.description),
            state: writes.field("state", state, |one| &one.state),
            identity_sources,
            created,
            // Where a list leaves them out, nobody tells whether they are still the same.
            internal_sponsors: writes.part_while(false, "internalSponsors", internal_sponsors, |one| {
                &one.internal_sponsors
            }),
            external_sponsors: writes.part_while(false, "externalSponsors", external_sponsors, |one| {
                &one.external_sponsors
            }),
        }
    }
}

impl Viewed for AccessPackage {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn place(&self) -> Option<&str> {
        self.catalog.as_ref().map(|catalog| catalog.as_str())
    }

    /// Roles, policies and incompatibilities have shelves of their own: here they are as they came.
    fn followed(self, writes: &mut Writes<'_, Self>) -> Self {
        let Self {
            id,
            display_name,
            description,
            hidden,
            created,
            catalog,
            resource_role_scopes,
            policies,
            incompatible_packages,
            incompatible_groups,
        } = self;
        Self {
            id,
            display_name: writes.field("displayName", display_name, |package| &package.display_name),
            description: writes.field("description", description, |package| &package.description),
            hidden: writes.field("isHidden", hidden, |package| &package.hidden),
            created,
            catalog,
            resource_role_scopes,
            policies,
            incompatible_packages,
            incompatible_groups,
        }
    }
}

impl Viewed for Incompatible {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn place(&self) -> Option<&str> {
        None
    }

    fn followed(self, _writes: &mut Writes<'_, Self>) -> Self {
        self
    }
}

impl Viewed for ResourceRoleScope {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn place(&self) -> Option<&str> {
        None
    }

    fn followed(self, _writes: &mut Writes<'_, Self>) -> Self {
        self
    }
}

impl Viewed for Resource {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn place(&self) -> Option<&str> {
        None
    }

    fn followed(self, writes: &mut Writes<'_, Self>) -> Self {
        let Self {
            id,
            display_name,
            origin_id,
            origin_system,
            roles,
            scopes,
            attributes,
        } = self;
        Self {
            id,
            display_name,
            origin_id,
            origin_system,
            attributes: writes.part("attributes", attributes, |resource| &resource.attributes),
            roles: writes.part("roles", roles, |resource| &resource.roles),
            scopes: writes.part("scopes", scopes, |resource| &resource.scopes),
        }
    }

    fn is_listed(&self) -> bool {
        lists_tell(&self.origin_system)
    }
}

impl Viewed for AssignmentPolicy {
    fn id(&self) -> &str {
        self.id.as_str()
    }

    fn place(&self) -> Option<&str> {
        self.access_package.as_ref().map(|package| package.as_str())
    }

    fn followed(self, writes: &mut Writes<'_, Self>) -> Self {
        let Self {
            id,
            created,
            modified,
            access_package,
            fields,
            whole,
        } = self;
        // What a list leaves out is known only as long as nothing was changed.
        let is_same = writes.known().is_none_or(|known| known.modified == modified);
        let followed = policy(fields.clone(), is_same, writes);
        Self {
            id,
            created,
            modified,
            access_package,
            // An answer that is older than a write of ours must not be written back.
            whole: whole.filter(|_| followed == fields),
            fields: followed,
        }
    }
}

fn policy(read: PolicyRead, is_same: bool, writes: &mut Writes<'_, AssignmentPolicy>) -> PolicyRead {
    let PolicyRead {
        display_name,
        description,
        allowed_target_scope,
        specific_allowed_targets,
        expiration,
        requestor_settings,
        request_approval_settings,
        review_settings,
        automatic_request_settings,
        notification_settings,
        questions,
        custom_extension_stage_settings,
        undeclared,
    } = read;
    PolicyRead {
        display_name: writes.field("displayName", display_name, |policy| &policy.fields.display_name),
        description: writes.field("description", description, |policy| &policy.fields.description),
        allowed_target_scope: writes.field("allowedTargetScope", allowed_target_scope, |policy| {
            &policy.fields.allowed_target_scope
        }),
        specific_allowed_targets: writes.field("specificAllowedTargets", specific_allowed_targets, |policy| {
            &policy.fields.specific_allowed_targets
        }),
        expiration: writes.field("expiration", expiration, |policy| &policy.fields.expiration),
        requestor_settings: writes.field("requestorSettings", requestor_settings, |policy| {
            &policy.fields.requestor_settings
        }),
        request_approval_settings: writes.field("requestApprovalSettings", request_approval_settings, |policy| {
            &policy.fields.request_approval_settings
        }),
        review_settings: writes.field("reviewSettings", review_settings, |policy| {
            &policy.fields.review_settings
        }),
        automatic_request_settings: writes.field("automaticRequestSettings", automatic_request_settings, |policy| {
            &policy.fields.automatic_request_settings
        }),
        notification_settings: writes.field("notificationSettings", notification_settings, |policy| {
            &policy.fields.notification_settings
        }),
        questions: writes.part_while(is_same, "questions", questions, |policy| &policy.fields.questions),
        custom_extension_stage_settings: writes.part_while(
            is_same,
            "customExtensionStageSettings",
            custom_extension_stage_settings,
            |policy| &policy.fields.custom_extension_stage_settings,
        ),
        // What a read has beside what we know: as it was read.
        undeclared,
    }
}
