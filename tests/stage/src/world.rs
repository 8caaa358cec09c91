//! The small company of `world.yaml`, by name.

/// The world file's text.
pub const WORLD: &str = include_str!("../world.yaml");

/// The tenant's id.
pub const TENANT_ID: &str = "11111111-1111-4111-8111-111111111111";
/// The tenant's domain.
pub const DOMAIN: &str = "contoso.com";

/// The application with every permission.
pub const CLIENT_ID: &str = "5c0f7d0e-2f0c-4b43-9a53-0f3f4a7b6f11";
/// Its secret.
pub const CLIENT_SECRET: &str = "stage-client-secret";
/// The application that is access package manager of the catalog `Delegated`, once that exists, and nothing else.
pub const DELEGATE_CLIENT_ID: &str = "6d1a8e1f-3a1d-4c54-8b64-1a4a5b8c7a22";
/// Its secret.
pub const DELEGATE_CLIENT_SECRET: &str = "stage-delegate-secret";

/// The group Marketing Campaign (mailNickname marketing-campaign).
pub const CAMPAIGN_GROUP_ID: &str = "0282e19d-bf41-435d-92a4-99bab93af305";
/// The group Auditors.
pub const AUDITORS_GROUP_ID: &str = "35b5b4c0-e274-4680-a5d7-ccedec6dc638";
/// The group Approvers.
pub const APPROVERS_GROUP_ID: &str = "46c6c5d1-f385-4791-b6e8-ddfefd7ed749";
/// The application CRM, with the app roles Reader, Writer, Exporter.Contacts and Exporter.Deals.
pub const CRM_APP_ID: &str = "22222222-2222-4222-8222-222222222222";
/// Its service principal.
pub const CRM_SERVICE_PRINCIPAL_ID: &str = "e81d7f57-0840-45e1-894b-f505c1bdcc1f";
/// The site Marketing, with Marketing Visitors, Members and Owners.
pub const SITE_URL: &str = "https://contoso.sharepoint.com/sites/marketing";
/// The built-in catalog General.
pub const GENERAL_CATALOG_ID: &str = "bd3d3c48-6afc-4e08-bd5d-e405a4e5e4b0";

/// ann@contoso.com, whose manager is bob.
pub const ANN_ID: &str = "46184453-e63b-4f20-86c2-c557ed5d5df9";
/// bob@contoso.com, who approves.
pub const BOB_ID: &str = "57295564-f74c-4031-97d3-d668fe6e6e0a";
/// carol@contoso.com, an auditor.
pub const CAROL_ID: &str = "683a6675-085d-4142-a8e4-e77a0f7f7f1b";
/// dave@contoso.com.
pub const DAVE_ID: &str = "794b7786-196e-4253-b9f5-f88b1a8a8a2c";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_name_what_the_world_file_holds() {
        let constants = [
            TENANT_ID,
            DOMAIN,
            CLIENT_ID,
            CLIENT_SECRET,
            DELEGATE_CLIENT_ID,
            DELEGATE_CLIENT_SECRET,
            CAMPAIGN_GROUP_ID,
            AUDITORS_GROUP_ID,
            APPROVERS_GROUP_ID,
            CRM_APP_ID,
            CRM_SERVICE_PRINCIPAL_ID,
            SITE_URL,
            GENERAL_CATALOG_ID,
            ANN_ID,
            BOB_ID,
            CAROL_ID,
            DAVE_ID,
        ];
        for constant in constants {
            assert!(WORLD.contains(constant), "{constant}");
        }
    }
}
