//! Graph's error envelope and the codes that entitlement management was seen to answer.

use serde_json::{Value, json};

/// A refusal, as Graph words it. The envelope's inner error is added where the request ids are known.
#[derive(Debug, Clone)]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) retry_after: Option<u64>,
}

impl GraphError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
            retry_after: None,
        }
    }

    /// The catch-all of entitlement management for a body that does not fit the model
    /// (msgraph-sdk-powershell#1821). The service does not say where; the detail goes to the log only.
    pub(crate) fn invalid_model() -> Self {
        Self::new(400, "InvalidModel", "The model is invalid.")
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// An id that is no GUID (accesspackageassignment-reprocess: "400 if the id is not valid").
    pub(crate) fn malformed_id(id: &str) -> Self {
        Self::bad_request(format!("The identifier '{id}' is not valid."))
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "ResourceNotFound", "The resource was not found.")
    }

    pub(crate) fn role_not_found() -> Self {
        Self::new(404, "RoleNotFound", "The role was not found.")
    }

    /// A directory object that does not exist.
    pub(crate) fn no_directory_object(id: &str) -> Self {
        Self::new(
            404,
            "Request_ResourceNotFound",
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present."),
        )
    }

    /// What a caller with catalog roles sees instead of 404, and for what is not theirs
    /// (terraform-provider-azuread#1226).
    pub(crate) fn unauthorized() -> Self {
        Self::new(
            403,
            "UnAuthorized",
            "User is not authorized to perform the operation. Reason: Unauthorized",
        )
    }

    pub(crate) fn denied() -> Self {
        Self::new(
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        )
    }

    pub(crate) fn token(message: impl Into<String>) -> Self {
        Self::new(401, "InvalidAuthenticationToken", message)
    }

    /// The emulator has no source that says what the service does here.
    pub(crate) fn not_emulated(what: impl std::fmt::Display) -> Self {
        Self::new(501, "NotEmulated", format!("The emulator does not understand {what}."))
    }

    /// A refusal that is documented without its code: the status is right, the code is the emulator's own.
    pub(crate) fn stand_in(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::new(status, &format!("StandIn_{code}"), message)
    }

    pub(crate) fn envelope(&self, date: &str, request_id: &str, client_request_id: &str) -> Value {
        json!({"error": {"code": self.code, "message": self.message, "innerError": {
            "date": date, "request-id": request_id, "client-request-id": client_request_id}}})
    }
}
