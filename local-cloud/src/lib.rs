//! Embedded servers.
