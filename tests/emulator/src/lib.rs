//! Stand-in for Microsoft Graph.
